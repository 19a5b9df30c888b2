"""Every address of the portal (composition root): pages by app, the API below /api/v1/."""

from django.urls import include, path

urlpatterns = [
    path("accounts/", include("portal.accounts.urls")),
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

handler400 = "portal.pages.errors.bad_request"
handler403 = "portal.pages.errors.forbidden"
handler404 = "portal.pages.errors.not_found"
handler500 = "portal.pages.errors.server_error"
