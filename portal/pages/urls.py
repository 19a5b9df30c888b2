"""Addresses of the shell's pages."""

from django.urls import URLPattern, URLResolver, include, path

from portal.pages import health, home, passkeys, people, search, styleguide, tokens

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.HomePage.as_view(), name="home"),
    path("search", search.SearchPage.as_view(), name="search"),
    path("account/tokens/", tokens.TokensPage.as_view(), name="tokens"),
    path("account/tokens/<int:pk>/revoke/", tokens.TokenRevoke.as_view(), name="token-revoke"),
    path("account/passkeys/", passkeys.PasskeysPage.as_view(), name="passkeys"),
    path("account/passkeys/begin/", passkeys.PasskeyBegin.as_view(), name="passkey-begin"),
    path("account/passkeys/waiting/", passkeys.PasskeysWaiting.as_view(), name="passkeys-waiting"),
    path("account/passkeys/<int:pk>/rename/", passkeys.PasskeyRename.as_view(), name="passkey-rename"),
    path("account/passkeys/<int:pk>/revoke/", passkeys.PasskeyRevoke.as_view(), name="passkey-revoke"),
    path("account/passkeys/<int:pk>/lost/", passkeys.PasskeyLost.as_view(), name="passkey-lost"),
    path("account/passkeys/<int:pk>/approve/", passkeys.PasskeyApprove.as_view(), name="passkey-approve"),
    path("account/passkeys/<int:pk>/refuse/", passkeys.PasskeyRefuse.as_view(), name="passkey-refuse"),
    path("people/", people.PeoplePage.as_view(), name="people"),
    path("people/new/", people.PersonNewPage.as_view(), name="person-new"),
    path("people/teams/new/", people.TeamNewPage.as_view(), name="team-new"),
    path("people/<uuid:key>/", people.PersonPage.as_view(), name="person-edit"),
    path("people/<uuid:key>/roles/<int:pk>/end/", people.MembershipEnd.as_view(), name="membership-end"),
    path("people/<uuid:key>/close/", people.PersonClose.as_view(), name="person-close"),
    path("people/<uuid:key>/password/", people.PersonPassword.as_view(), name="person-password"),
    path("people/<uuid:key>/open/", people.PersonOpen.as_view(), name="person-open"),
    path("styleguide/", styleguide.StyleguidePage.as_view(), name="styleguide"),
    path("healthz", health.Healthz.as_view(), name="healthz"),
    path("readyz", health.Readyz.as_view(), name="readyz"),
    path("", include("portal.pages.ledger_urls")),
    path("", include("portal.pages.notices_urls")),
]
