"""The base of every page: logged in, with a declared permission, or refused."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.auth.mixins import AccessMixin
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.generic import FormView, TemplateView
from django.views.generic.base import View

from portal.access import Permission, require
from portal.accounts.models import User
from portal.errors import DomainError, NotFound
from portal.pages.errors import lost_session


class Page(AccessMixin, View):
    """A page. `permission` is checked here for any team; selectors and services check the team."""

    permission: ClassVar[Permission]
    nav: ClassVar[str] = ""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            # A form that arrives without a session would lose its text on the way to the log-in page.
            return self.handle_no_permission() if request.method in ("GET", "HEAD") else lost_session(request)
        require(self.actor, self.permission)
        return super().dispatch(request, *args, **kwargs)

    @property
    def actor(self) -> User:
        return self.request.user  # type: ignore[return-value]

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """An address that only takes a form was opened by hand, or Back led to it."""
        response = render(request, "405.html", status=405)
        response["Allow"] = ", ".join(name.upper() for name in self.http_method_names if hasattr(self, name))
        return response


class ReadPage(Page, TemplateView):
    """A page that shows something."""


class ActPage(Page, FormView):
    """A page with a form that carries out one act. A refused act is an error on the form; nothing is lost."""

    success_message = ""

    def act(self, form: Any) -> str:
        """Carry out the act and return the address to go to. Raises DomainError when refused."""
        raise NotImplementedError

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            target = self.act(form)
        except NotFound:
            raise
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, error.diagnostics())
            response = self.form_invalid(form)
            response.status_code = error.status
            return response
        if self.success_message:
            messages.success(self.request, self.success_message)
        response = HttpResponse(status=303)
        response["Location"] = target
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=422)
