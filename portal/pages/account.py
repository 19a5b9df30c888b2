"""A person's own account: the password."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import ChangePasswordForm
from allauth.account.internal.flows.password_change import finalize_password_change
from allauth.account.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from portal.accounts import passwords
from portal.errors import DomainError


class PasswordForm(ChangePasswordForm):
    """allauth's form; its checks of the old and the new password are made again by the act."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        labels = {"oldpassword": "Password now", "password1": "New password", "password2": "New password once more"}
        for name, label in labels.items():
            self.fields[name].label = label
            self.fields[name].help_text = ""
            self.fields[name].widget.attrs.pop("placeholder", None)
        self.fields["password1"].help_text = "At least 12 characters, not a common one, nothing like your name."


class PasswordPage(PasswordChangeView):
    """Choose one's own password. Demo accounts are told why they cannot."""

    template_name = "account/password_change.html"
    form_class = PasswordForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = request.user
        if user.is_authenticated and user.is_demo:
            return render(
                request, self.template_name, {"is_demo": True}, status=409 if request.method == "POST" else 200
            )
        return super().dispatch(request, *args, **kwargs)

    def get_default_success_url(self) -> str:
        return reverse("home")

    def form_valid(self, form: PasswordForm) -> HttpResponse:
        data = form.cleaned_data
        try:
            user = passwords.change_password(
                actor=self.request.user, current=data["oldpassword"], new=data["password1"]
            )
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, error.diagnostics())
            return self.form_invalid(form)
        # This session goes on; the others end, because they carry the old password.
        self.request.user = user
        finalize_password_change(self.request, user)
        response = HttpResponse(status=303)
        response["Location"] = self.get_success_url()
        return response

    def form_invalid(self, form: PasswordForm) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=422)
