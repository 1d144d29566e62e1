"""The table of mail services that pages lead to."""

from keyturn.service.api.mail_services import known_services


def test_every_service_has_an_address_and_no_domain_two() -> None:
    services = known_services().services
    domains = [domain for service in services for domain in service.domains]
    assert len(domains) == len(set(domains))
    assert all(service.url.startswith("https://") and service.name for service in services)
    assert not set(known_services().others) & set(domains)
