"""Settings of a production system with which nothing is wrong."""

from tests.resend_server.server import API_KEY

from keyturn.mail.providers.resend import ResendSettings
from keyturn.service.settings import Brand, DatabaseSettings, MailSettings, Secret, ServerSettings, Settings

SECRET_KEY = "0123456789abcdef0123456789abcdef"


def production_settings(database_url: str, resend_url: str) -> Settings:
    return Settings(
        base_url="https://account.northwind.example",
        secret_key=Secret(SECRET_KEY),
        database=DatabaseSettings(url=Secret(database_url)),
        mail=MailSettings(from_="Northwind School <accounts@northwind.example>"),
        resend=ResendSettings(
            api_key=Secret(API_KEY), api_url=resend_url, webhook_secret=Secret("whsec_MDEyMzQ1Njc4OWFiY2RlZg==")
        ),
        brand=Brand(name="Northwind School", support_address="help@northwind.example"),
        server=ServerSettings(trusted_proxies=("127.0.0.1",)),
    )
