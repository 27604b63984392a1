"""Microsoft's own applications, as Conditional Access groups them.

Sources: Microsoft Entra, "Apps included in Conditional Access Office 365 app suite" and "Conditional Access:
Target resources" (Microsoft Admin Portals, policies with resource exclusions). Of the suites these are the
apps whose IDs Microsoft publishes.
"""

WINDOWS_AZURE_AD = "00000002-0000-0000-c000-000000000000"

OFFICE_365_APPS = frozenset(
    {
        "00000002-0000-0ff1-ce00-000000000000",  # Exchange Online
        "00000003-0000-0ff1-ce00-000000000000",  # SharePoint Online
        "00000004-0000-0ff1-ce00-000000000000",  # Skype for Business Online
        "00000005-0000-0ff1-ce00-000000000000",  # Viva Engage
        "00000006-0000-0ff1-ce00-000000000000",  # Microsoft Office 365 Portal
        "cc15fd57-2c6c-4117-a88c-83b1d56b4bbe",  # Microsoft Teams Services
        "09abbdfd-ed23-44ee-a2d9-a627aa1c90f3",  # Planner
        "c9a559d2-7aab-4f13-a6ed-e7e9c52aec87",  # Forms
        "905fcf26-4eb7-48a0-9ff0-8dcc7194b5ba",  # Sway
        "2634dd23-5e5a-431c-81ca-11710d9079f4",  # Stream
        "94c63fef-13a3-47bc-8074-75af8c65887a",  # Delve
        "22098786-6e16-43cc-a27d-191a01a1e3b5",  # To Do
    }
)
ADMIN_PORTALS = frozenset(
    {
        "c44b4083-3bb0-49c1-b47d-974e53cbdf3c",  # Azure portal, and the Entra and Intune admin centers
        "00000006-0000-0ff1-ce00-000000000000",  # Microsoft 365 admin center
        "497effe9-df71-4043-a8bb-14cf78c4b63b",  # Exchange admin center
        "80ccca67-54bd-44ab-8625-4b79c4dc7775",  # Microsoft Defender and Purview portals
    }
)
SUITES = {"office365": OFFICE_365_APPS, "microsoftadminportals": ADMIN_PORTALS}
# Scopes that a client may ask for without any access to data.
BASIC_SCOPES = frozenset({"openid", "profile", "email", "offline_access", "user.read", "people.read"})
