"""Display names of the providers that accounts sign in with."""

_NAMES = {
    "azure": "Microsoft",
    "azuread": "Microsoft",
    "entraid": "Microsoft",
    "github": "GitHub",
    "gitlab": "GitLab",
    "googleoauth2": "Google",
    "ldap": "LDAP",
    "linkedin": "LinkedIn",
    "microsoftentraid": "Microsoft",
    "oidc": "OpenID Connect",
    "saml": "SAML",
    "twitter": "X",
    "workos": "WorkOS",
}
"""Names that are not simply the id with capital letters."""


def provider_name(provider: str) -> str:
    word = "".join(letter for letter in provider.lower() if letter.isalnum())
    return _NAMES.get(word) or provider.replace("_", " ").replace("-", " ").title()
