"""Log-in, log-out and the password, by allauth. Nobody signs up, so nothing else of allauth has an address."""

from allauth.account import views
from django.urls import path

from portal.pages.account import PasswordPage

urlpatterns = [
    path("login/", views.login, name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    path("password/", PasswordPage.as_view(), name="account_change_password"),
    path("reauthenticate/", views.reauthenticate, name="account_reauthenticate"),
    path("inactive/", views.account_inactive, name="account_inactive"),
]
