"""The codes of a mail, as its reader types them. Each mail is a subject and a text."""

import pytest
from tests.studio.inbox.mails import mail

from keyturn.studio.inbox.codes import codes_of
from keyturn.studio.inbox.mail import MailContent

WITH_CODES = [
    ("", "Your code is 482913.", ["482913"]),
    ("", "A1B2C3 482913 code password", ["482913", "A1B2C3"]),
    ("", "Ihr Kennwort für heute: K7XQ-92MB", ["K7XQ-92MB"]),
    ("", "Use A1B2C3 to sign in", ["A1B2C3"]),
    ("", "Your verification code is G-123456 (order 20261121).", ["123456"]),
    ("", "Your code\n\n  7 3 9 1 2 4\n", ["739124"]),
    ("", "رمز التحقق 123456", ["123456"]),
    ("112233 is your sign-in code", "Type it within ten minutes.", ["112233"]),
    ("Sign in to Northwind", "Hello Ada\n\n482913\n\nNorthwind GmbH\n10117 Berlin", ["482913"]),
    ("", "Here is your verification code\n(valid for 10 minutes)\n\n731 904\n", ["731904"]),
    ("", "Your recovery codes:\nABCD-EFGH\nK7XQ-92MB", ["ABCD-EFGH", "K7XQ-92MB"]),
    ("", "Your code is 731904. Questions? Call 0800 123456 or +49 30 1234567.", ["731904"]),
    ("", "Hallo Ada, Ihr Bestätigungscode lautet 731904. Kundennummer: 10482211", ["731904"]),
    ("", "Votre code de vérification est 731904. Commande 10482211.", ["731904"]),
    ("", "Su código de verificación es 731904. Pedido 10482211.", ["731904"]),
    ("", "Il tuo codice di verifica è 731904. Ordine 10482211", ["731904"]),
    ("", "Seu código de verificação é 731904. Pedido nº 10482211", ["731904"]),
    ("", "Je verificatiecode is 731904. Bestelling 10482211.", ["731904"]),
    ("", "Din bekræftelseskode er 731904. Ordre 10482211.", ["731904"]),
    ("", "Koden din er 731904. Ordrenummer 10482211", ["731904"]),
    ("", "Din verifieringskod är 731904. Beställning 10482211.", ["731904"]),
    ("", "Vahvistuskoodisi on 731904. Tilaus 10482211.", ["731904"]),
    ("", "Twój kod weryfikacyjny to 731904. Zamówienie 10482211.", ["731904"]),
    ("", "Váš ověřovací kód je 731904. Objednávka 10482211.", ["731904"]),
    ("", "Ваш код подтверждения: 731904. Заказ 10482211.", ["731904"]),
    ("", "Ваш код підтвердження: 731904. Замовлення 10482211", ["731904"]),
    ("", "Doğrulama kodunuz: 731904. Sipariş 10482211", ["731904"]),
    ("", "Ο κωδικός επαλήθευσης είναι 731904.", ["731904"]),
    ("", "Kode verifikasi Anda adalah 731904. Pesanan 10482211.", ["731904"]),
    ("", "קוד האימות שלך הוא 731904. הזמנה 10482211", ["731904"]),
    ("", "आपका सत्यापन कोड 731904 है। ऑर्डर 10482211", ["731904"]),
    ("", "您的验证码是731904，请勿泄露。订单号10482211", ["731904"]),
    ("", "【Northwind】驗證碼：731904，10分鐘內有效。", ["731904"]),
    ("", "認証コードは731904です。注文番号 10482211", ["731904"]),
    ("", "確認コード：７３１９０４", ["731904"]),
    ("", "인증번호는 731904입니다. 주문 10482211", ["731904"]),
    ("", "Code\xa0: 731\u202f904", ["731904"]),
    ("", "Your code is 1234 5678.", ["12345678"]),
    ("", "Your code:\n731904 (valid for 10 minutes)", ["731904"]),
    ("", "Confirmation code for order #10482211: 731904", ["731904"]),
    ("", "Here is your code.\nWe received a request for your account.\n\n731904\n", ["731904"]),
    ("", "Sign-in code\t731904\tOrder\t10482211", ["731904"]),
    (
        "",
        "Your code is below. It works once.\n\n731904 (do not share it)\n\nOrder 10482211",
        ["731904"],
    ),
    ("", "Vaše jednorázové heslo je\n731904. Platí deset minut.", ["731904"]),
    ("", "Your code (valid until 2026) is: 991122", ["991122"]),
    ("", "Your temporary password is\nkT9xQ2. Change it soon.", ["kT9xQ2"]),
    ("", "Your code is 482913577.", ["482913577"]),
    ("", "Your code is AB-482913.", ["AB-482913"]),
    ("", "Your code:\n\n  K7XP\n\nIt works once.", ["K7XP"]),
    ("", "Your backup codes:\n\n1. 12345678\n2. 23456789", ["12345678", "23456789"]),
]

WITHOUT = [
    (
        "Your password was changed",
        "It was changed on 24 November 2026 at 14:32. If it was not you, call 030 1234567.",
    ),
    ("", "Ihr Gutscheincode: WINTER2026"),
    ("", "Your account 10482211 was charged. Reference 731904"),
    ("", "Número de pedido: 10482211. Código postal 28001 Madrid"),
    ("", "Zamówienie nr 10482211. Kod pocztowy 00950. Faktura 731904"),
    ("", "Do not share this code with anyone\n\nNorthwind GmbH\n10117 Berlin"),
    ("", "Please enter your password\non the page. Reference:\n10482211 (keep it)"),
    ("", "Your code is on the way to you in the B2BX app."),
    ("", "Order AB-482913, invoice 482913577"),
    ("", "Northwind\n\nEC1A\n\nLondon"),
    ("", "Enter the code that our app for your iPad PRO4 shows."),
    ("", "Your code expired\nInvoice 10482211, total 5000"),
    ("Your password was changed", "5012 trees were planted."),
    (
        "Reset your password",
        "Hello,\n\nopen https://a.example/r/731904 to choose one.\n\nNorthwind\n10117 Berlin",
    ),
]

HTML = """<h1>Your order</h1><p>Customer 10482211</p>
<p>Your <b>code</b> is <span>731</span><span>904</span></p>
<table><tr><td>Order</td><td>10482212</td></tr></table>
<p>Lange Stra&szlig;e 1<br>10117 Berlin</p>"""
DIGITS_IN_BOXES = (
    "<p>Your code:</p><table><tr>"
    + "".join(f"<td>{digit}</td>" for digit in "731904")
    + "</tr></table>"
)
BESIDE_ITS_NAME = (
    "<table><tr><td>Code</td><td>731904</td></tr><tr><td>Order</td><td>10482211</td></tr></table>"
)
WITH_ITS_TIME = (
    "<p>Use this code to sign in:</p><p><b>731904</b> (valid for 10 minutes)</p><p>10117 Berlin</p>"
)


@pytest.mark.parametrize(("subject", "text", "codes"), WITH_CODES)
def test_the_code_that_a_reader_would_type_is_found(
    subject: str, text: str, codes: list[str]
) -> None:
    assert codes_of(subject, text) == codes


@pytest.mark.parametrize(("subject", "text"), WITHOUT)
def test_numbers_that_are_no_codes_are_not_taken_for_one(subject: str, text: str) -> None:
    assert codes_of(subject, text) == []


@pytest.mark.parametrize("html", [HTML, DIGITS_IN_BOXES, BESIDE_ITS_NAME, WITH_ITS_TIME])
def test_a_mail_without_a_text_part_has_the_lines_of_its_html(html: str) -> None:
    message = mail(text="", html=html)
    assert MailContent(bytes(message)).codes == ["731904"]
