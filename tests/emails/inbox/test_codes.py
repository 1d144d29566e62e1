"""The codes of a mail, as its reader types them. Each mail is a subject and a text."""

from time import process_time
from timeit import repeat

import pytest
from tests.emails.inbox.mails import mail

from keyturn.emails.inbox.codes import codes_of
from keyturn.emails.inbox.mail import MailContent

WITH_CODES = [
    ("", "Your code is 482913.", ["482913"]),
    ("", "482 913 is your code", ["482913"]),
    ("", "Code: 482-913", ["482913"]),
    ("", "Ihr Kennwort für heute: K7XQ-92MB", ["K7XQ-92MB"]),
    ("", "Use A1B2C3 to sign in", ["A1B2C3"]),
    ("", "Order 10020030 of 2026. Your PIN: 4711", ["4711"]),
    ("", "Your verification code is G-123456 (order 20261121).", ["123456"]),
    ("", "Your code\n\n  7 3 9 1 2 4\n", ["739124"]),
    ("", "Your one-time password is kT9xQ2", ["kT9xQ2"]),
    ("", "Your PIN of the year 2026: 1984", ["1984"]),
    ("", "コード 123456", ["123456"]),
    ("", "رمز التحقق 123456", ["123456"]),
    ("", "123456 123456 is the code", ["123456"]),
    ("112233 is your sign-in code", "Type it within ten minutes.", ["112233"]),
    ("", "Customer 10482211\nYour code is 731904", ["731904"]),
    ("", "Customer 10482211, your code is 731904.", ["731904"]),
    ("Northwind", "Dear customer 10482211,\n\nYour code is 731904. It expires in 3600 seconds.", ["731904"]),
    ("", "Your code for order 10482211 is 731904.", ["731904"]),
    ("", "Your code for order 10482211 is:\n\n731904\n\nIt works until 14:32 on 24 November 2026.", ["731904"]),
    ("", "731904 is your code for order 10482211", ["731904"]),
    ("", "Dear customer, 731904 is your verification code.", ["731904"]),
    ("Sign in to Northwind", "Hello Ada\n\n482913\n\nNorthwind GmbH\n10117 Berlin", ["482913"]),
    ("", "Enter this code to confirm your order:\n\n731904\n\nOrder number: 10482211", ["731904"]),
    ("", "Here is your verification code\n(valid for 10 minutes)\n\n731 904\n", ["731904"]),
    ("", "731904\nis your Northwind code", ["731904"]),
    (
        "",
        "We received a request to sign in to your account. Your verification code\nis 731904. It works for 10 minutes.",
        ["731904"],
    ),
    ("", "Your recovery codes:\nABCD-EFGH\nK7XQ-92MB", ["ABCD-EFGH", "K7XQ-92MB"]),
    ("", "Your pairing code is ABCD-EFGH.", ["ABCD-EFGH"]),
    ("", "Your codes are 123456 and 654321.", ["123456", "654321"]),
    ("", "Enter 731904 to confirm your email address", ["731904"]),
    ("", "Use 731904 as your account PIN.", ["731904"]),
    ("", "Never share it. code:731904", ["731904"]),
    ("", "Your PIN is 2024.", ["2024"]),
    ("", "Your code is 731904. Questions? Call 0800 123456 or +49 30 1234567.", ["731904"]),
    ("", "Your code: 731904. The amount is 1,234.50 EUR.", ["731904"]),
    ("", "Hallo Ada, Ihr Bestätigungscode lautet 731904. Kundennummer: 10482211", ["731904"]),
    ("", "Geben Sie den Code 731904 ein, um sich anzumelden.", ["731904"]),
    ("", "Kundennummer 10482211\nIhr Einmalpasswort: 731904", ["731904"]),
    ("Ihr Sicherheitscode", "Guten Tag,\n\n731 904\n\nBestellung 10482211", ["731904"]),
    ("", "Votre code de vérification est 731904. Commande 10482211.", ["731904"]),
    ("", "Saisissez 731904 pour vous connecter.", ["731904"]),
    ("", "Su código de verificación es 731904. Pedido 10482211.", ["731904"]),
    ("", "Tu contraseña de un solo uso: 731904", ["731904"]),
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
    ("", "731904 doğrulama kodunuzdur.", ["731904"]),
    ("", "Ο κωδικός επαλήθευσης είναι 731904.", ["731904"]),
    ("", "Kode verifikasi Anda adalah 731904. Pesanan 10482211.", ["731904"]),
    ("", "رمز التحقق الخاص بك هو ٧٣١٩٠٤. رقم الطلب 10482211", ["731904"]),
    ("", "رمز التحقق الخاص بك هو \u200e731904\u200e.", ["731904"]),
    ("", "קוד האימות שלך הוא 731904. הזמנה 10482211", ["731904"]),
    ("", "आपका सत्यापन कोड 731904 है। ऑर्डर 10482211", ["731904"]),
    ("", "आपका ओटीपी 731904 है", ["731904"]),
    ("", "您的验证码是731904，请勿泄露。订单号10482211", ["731904"]),
    ("", "【Northwind】驗證碼：731904，10分鐘內有效。", ["731904"]),
    ("", "認証コードは731904です。注文番号 10482211", ["731904"]),
    ("", "確認コード：７３１９０４", ["731904"]),
    ("", "인증번호는 731904입니다. 주문 10482211", ["731904"]),
    ("", "인증 코드: 731904", ["731904"]),
    ("", "Code\xa0: 731\u202f904", ["731904"]),
    ("", "Your login code: *731904*", ["731904"]),
    ("", "Your code is 1234 5678.", ["12345678"]),
    ("", "Your code is 12 34 56", ["123456"]),
    ("", "Order total 120.50\nCase 5012\nVerification code 731904\n", ["731904"]),
    ("", "Your code:\n731904 (valid for 10 minutes)", ["731904"]),
    ("", "Your sign-in code:\n731904. Do not share it.", ["731904"]),
    ("", "Verification code:\n731904 expires in 10 minutes", ["731904"]),
    ("", "Ihr Bestätigungscode lautet\n731904. Er gilt zehn Minuten.", ["731904"]),
    ("", "Your code is\n731904, valid for ten minutes.", ["731904"]),
    ("", "Your code:\n\n731904 (10 minutes)", ["731904"]),
    ("", "Your code\nis 731904", ["731904"]),
    ("", "Confirmation code for order #10482211: 731904", ["731904"]),
    ("", "your customer number is 10482211 and your code\nis 731904", ["731904"]),
    ("", "Customer 10482211 ... Your code is 731904", ["731904"]),
    ("", "Use this code to sign in.\n\n731904 expires in ten minutes.", ["731904"]),
    ("", "Hello Ada, thanks for signing up at Northwind. 731904 is\nyour verification code.", ["731904"]),
    ("", "Hi Ada, 731904\nis your verification code.", ["731904"]),
    (
        "",
        "We received a request to sign in to your account. Your verification code for\nNorthwind is 731904.",
        ["731904"],
    ),
    ("", "Votre code de connexion :\n\n731 904 (valable 10 minutes)", ["731904"]),
    ("", "Tu código de acceso es\n731904 y caduca en 10 minutos.", ["731904"]),
    ("", "Il tuo codice è:\n731904 - scade tra 10 minuti", ["731904"]),
    ("", "Je inlogcode:\n\n731904 (10 minuten geldig)", ["731904"]),
    ("", "Ваш код подтверждения:\n731904. Никому его не сообщайте.", ["731904"]),
    ("", "Twój kod logowania to:\n\n731904, ważny przez 10 minut.", ["731904"]),
    ("", "您的验证码是：\n\n731904（10分钟内有效）", ["731904"]),
    ("", "認証コード：\n731904（有効期限10分）", ["731904"]),
    ("", "인증번호:\n731904 (10분간 유효)", ["731904"]),
    ("", "رمز التحقق الخاص بك:\n731904 صالح لمدة 10 دقائق", ["731904"]),
    ("", "Here is your code.\nWe received a request for your account.\n\n731904\n", ["731904"]),
    ("", "Your code is:\n\n**731904**\n\nIt expires soon.", ["731904"]),
    ("", "Sign-in code\t731904\tOrder\t10482211", ["731904"]),
    ("", "| Code | 731904 |\n| Order | 10482211 |", ["731904"]),
    ("", "Code for invoice NW/10482211: 731904", ["731904"]),
    ("", "Ihr Code für die Anmeldung bei\nNorthwind lautet 731904.", ["731904"]),
    ("", "Your code is below. It works once.\n\n731904 (do not share it)\n\nOrder 10482211", ["731904"]),
    ("", "Your code:\r\n731904 (valid for 10 minutes)\r\n", ["731904"]),
    ("", "> Your code:\n> 731904 (valid for 10 minutes)", ["731904"]),
    ("", "Your code -\n731904 - works once", ["731904"]),
    ("", "Vaše jednorázové heslo je\n731904. Platí deset minut.", ["731904"]),
    ("", "Din kod är\n731904. Den gäller i tio minuter.", ["731904"]),
    ("", "Doğrulama kodunuz:\n731904 (10 dakika geçerli)", ["731904"]),
    ("", "आपका ओटीपी है\n731904। यह 10 मिनट के लिए मान्य है", ["731904"]),
    ("", "קוד האימות שלך:\n731904 (בתוקף ל-10 דקות)", ["731904"]),
    ("", "To finish signing in, type the code\nbelow into the app:\n\n731904 works for ten minutes", ["731904"]),
    ("", "Your new password is:\n731904 - please change it", ["731904"]),
    ("", "Your verification code is\n482193. It works for ten minutes.", ["482193"]),
    ("", "Please enter the code\n482193 to finish.", ["482193"]),
    ("Your sign-in code", "Hello,\n\n731904 (valid for 10 minutes)", ["731904"]),
    ("", "Your code (valid until 2026) is: 991122", ["991122"]),
    ("Your sign-in code", "Dear customer,\n\n731904 (valid for 10 minutes)", ["731904"]),
    ("Ihr Anmeldecode", "Guten Tag Ada,\n\n731904 - gültig bis 14:32 Uhr\n\nNorthwind GmbH\n10117 Berlin", ["731904"]),
    (
        "Your sign-in code",
        "Hello Ada,\n\n731904 (valid for 10 minutes)\n\nNorthwind Inc\n1600 Market Street\nSpringfield, IL 62704",
        ["731904"],
    ),
    ("", "Your temporary password is\nkT9xQ2. Change it soon.", ["kT9xQ2"]),
    ("Sign in to Northwind", "Hello,\n\n731904 (valid for 10 minutes)", ["731904"]),
    ("", "Ihr Code:\n731904 Bitte nicht weitergeben.", ["731904"]),
    ("", "Your backup codes:\n\n1. 12345678\n2. 23456789", ["12345678", "23456789"]),
]

WITHOUT = [
    ("", ""),
    ("", "HELLO EVERYBODY"),
    ("", "Rows 1 2 3 4 and the file a1b2c3 of 24 November 2026"),
    ("", "https://a.example/482913?code=123456 and ada4711@b.example"),
    ("", "It costs 1234.50 or 1,234 or 5000 € and lasts until 14:32"),
    ("Your order 10482211 has shipped", "Order 10482211 is on its way. Tracking number 00340434161094042557."),
    ("Invoice 2026-1042", "Invoice number: 20261042\nCustomer: 10482211\nTotal: 5000 EUR"),
    (
        "Your password was changed",
        "Your password was changed on 24 November 2026 at 14:32. If this was not you, call 030 1234567.",
    ),
    (
        "Your password was changed",
        "Your password was changed on November 24, 2026.\n\nNorthwind GmbH\nLange Straße 1\n10117 Berlin",
    ),
    (
        "Reset your password",
        "Open https://a.example/r?token=123456 to choose a password. It works for 1440 minutes.\n\n© 2026 Northwind",
    ),
    ("", "Use code SAVE2026 at checkout for 20 % off."),
    ("", "Your discount code: WINTER20"),
    ("", "Ihr Gutscheincode: WINTER2026"),
    ("", "Code postal 75011 Paris. Code promo : HIVER20"),
    ("", "Zip code 94107, area code 4155"),
    ("", "The error code 5021 means that the disk is full."),
    ("", "Your account 10482211 was charged. Reference 731904"),
    ("", "Kundennummer 10482211\nRechnung 731904\nBetrag 5000 €"),
    ("", "Call us: 0800 123456. PLZ 10117 Berlin, Telefon 030 123456"),
    ("", "Numéro de client : 10482211. Facture 731904. Téléphone 01 23 45 67 89"),
    ("", "Número de pedido: 10482211. Código postal 28001 Madrid"),
    ("", "Numero ordine 10482211, CAP 20121, fattura 731904"),
    ("", "Número do pedido 10482211. CEP 01310"),
    ("", "Bestelnummer 10482211, klantnummer 731904, postcode 1012"),
    ("", "Zamówienie nr 10482211. Kod pocztowy 00950. Faktura 731904"),
    ("", "Objednávka 10482211, faktura 731904, PSČ 11000"),
    ("", "Заказ 10482211. Счёт 731904. Почтовый индекс 101000"),
    ("", "Замовлення 10482211, рахунок 731904"),
    ("", "Sipariş 10482211, fatura 731904, posta kodu 34000"),
    ("", "订单号：10482211，发票号 731904，邮政编码 100000"),
    ("", "注文番号：10482211 郵便番号 1000001"),
    ("", "주문번호 10482211, 우편번호 04524"),
    ("", "رقم الطلب 10482211 والفاتورة 731904"),
    ("", "מספר הזמנה 10482211 חשבונית 731904"),
    ("", "ऑर्डर 10482211, चालान 731904"),
    ("Newsletter", "In 2026 we planted 5012 trees. Since 1984 we have grown to 1042 people."),
    ("Weekly report", "Build 48213 passed, version 1042, port 8080. IP 10.0.0.1"),
    ("Your receipt", "Qty 2 Item 5012 Price 1042\nTotal 2084\nPaid with card ending in 4242"),
    ("Sign in from a new device", "Time: 14:32, 24.11.2026\nIP address: 203.0.113.42\nDevice: Firefox 128"),
    ("", "Never share your password with anyone.\n\nNorthwind GmbH, 10117 Berlin"),
    ("", "IBAN DE89 3704 0044 0532 0130 00"),
    ("", "Flight LH4711 on 24 Nov 2026, booking reference K7XQ92"),
    ("", "#10482211 was updated; ticket 48213"),
    ("", "Do not share this code with anyone\n\nNorthwind GmbH\n10117 Berlin"),
    ("", "Never share your password with anyone\nNorthwind GmbH, 10117 Berlin"),
    ("", "Never share your password with anyone.\n\n5012 trees were planted"),
    ("", "Never share your password\n10117 Berlin"),
    ("", "Nie wieder Kennwort vergessen\n10117 Berlin"),
    ("", "Your discount code:\nWINTER20 (valid until Sunday)"),
    ("", "Ihr Gutscheincode:\nWINTER2026. Er gilt bis Sonntag."),
    ("", "Error code:\n5021 (disk full)"),
    ("", "Your order number is\n10482211. It ships soon."),
    ("", "Votre code postal :\n75011 Paris"),
    ("", "Code postal\n75011 Paris"),
    ("", "Ваш почтовый индекс:\n101000 Москва"),
    ("", "Numer zamówienia:\n10482211 (opłacone)"),
    ("", "注文番号：\n10482211（発送済み）"),
    ("", "Tracking code:\n10482211. It ships soon."),
    ("", "Your password was changed\nOrder 10482211, paid"),
    ("", "Your code of conduct\n\n5012 people agreed"),
    ("", "uid 1000\npassword expired"),
    ("", "Password changed | Time 14:32 | Case 5012"),
    ("", "Reset your password • Help • 10117 Berlin"),
    ("", "Please enter your password\non the page. Reference:\n10482211 (keep it)"),
    ("", "Your code expired\nInvoice 10482211, total 5000"),
    ("", "We do not send codes.\n\n2026 was a good year."),
    ("", "Número de cliente:\n10482211 (guárdelo)"),
    ("Your password was changed", "Hello Ada,\n\nNorthwind Inc\n1600 Market Street\nSpringfield, IL 62704"),
    ("Your password was changed", "5012 trees were planted."),
    (
        "Reset your password",
        "Hello,\n\nopen https://a.example/r/731904 to choose a new one.\n\nNorthwind GmbH\n10117 Berlin",
    ),
    ("Your password was changed", "Dear customer,\n\nReference: 10482211 (keep it)"),
    ("A new code of conduct", "Hello,\n\n5012 of us agreed on it."),
]

HTML = """<h1>Your order</h1><p>Customer 10482211</p><p>Your <b>code</b> is <span>731</span><span>904</span></p>
<table><tr><td>Order</td><td>10482212</td></tr></table><p>Lange Stra&szlig;e 1<br>10117 Berlin</p>"""
DIGITS_IN_BOXES = "<p>Your code:</p><table><tr>" + "".join(f"<td>{digit}</td>" for digit in "731904") + "</tr></table>"
BESIDE_ITS_NAME = "<table><tr><td>Code</td><td>731904</td></tr><tr><td>Order</td><td>10482211</td></tr></table>"
WITH_ITS_TIME = "<p>Use this code to sign in:</p><p><b>731904</b> (valid for 10 minutes)</p><p>10117 Berlin</p>"


@pytest.mark.parametrize(("subject", "text", "codes"), WITH_CODES)
def test_the_code_that_a_reader_would_type_is_found(subject: str, text: str, codes: list[str]) -> None:
    assert codes_of(subject, text) == codes


@pytest.mark.parametrize(("subject", "text"), WITHOUT)
def test_numbers_that_are_no_codes_are_not_taken_for_one(subject: str, text: str) -> None:
    assert codes_of(subject, text) == []


@pytest.mark.parametrize("html", [HTML, DIGITS_IN_BOXES, BESIDE_ITS_NAME, WITH_ITS_TIME])
def test_a_mail_without_a_text_part_has_the_lines_of_its_html(html: str) -> None:
    message = mail(text="", html=html)
    assert MailContent(bytes(message)).codes == ["731904"]


@pytest.mark.long
@pytest.mark.parametrize(
    "unit",
    ["123456 ", "code ", "code 123456 ", "order 12345678 ", "123456\n", "1 ", "123-", "A1", "ABCD-", "1,", "+1 ", "0 1",
     "(0", "a@", "1" + " " * 9, "code\n", "order\n123456\n", "24 a b ",
     "code 2024 ", "(code\n", "code\n731904 is ", "code: 2024 and\n", "!)"],
)  # fmt: skip
def test_codes_are_looked_for_in_linear_time(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        return min(repeat(lambda: codes_of("Your code", text), timer=process_time, repeat=3, number=1))

    half, whole = seconds(30_000), seconds(60_000)
    assert whole < 3 * half + 0.05, "twice the text takes twice the time, and not four times"
