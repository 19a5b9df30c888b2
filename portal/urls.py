"""Every address of the portal (composition root): pages by app, the API below /api/v1/."""

from allauth.account import views as account
from django.urls import include, path

urlpatterns = [
    path("accounts/login/", account.login, name="account_login"),
    path("accounts/logout/", account.logout, name="account_logout"),
    path("", include("portal.pages.urls")),
    path("", include("catalog.pages.urls")),
    path("", include("governance.pages.urls")),
    path("", include("audits.pages.urls")),
    path("", include("demo.urls")),
    path("api/v1/", include("portal.api.urls")),
    path("api/v1/", include("catalog.api.urls")),
    path("api/v1/", include("governance.api.urls")),
    path("api/v1/", include("audits.api.urls")),
]
handler403 = "portal.pages.errors.forbidden"
handler404 = "portal.pages.errors.not_found"
handler500 = "portal.pages.errors.server_error"
