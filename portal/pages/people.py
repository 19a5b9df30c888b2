"""People: accounts and what they may do. Administrators only, and each act is in the audit log."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import cached_property

from portal.access import Permission
from portal.accounts import passwords, selectors, services
from portal.accounts.choices import Role
from portal.accounts.models import Team, User
from portal.errors import DomainError
from portal.ledger.selectors import entries_about
from portal.pages.base import ActPage, Page, ReadPage

PAGE_SIZE = 100


class PersonForm(forms.Form):
    username = forms.CharField(
        label="User name", max_length=60, strip=True, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    name = forms.CharField(label="Name", max_length=120, strip=True, help_text="As colleagues know this person.")
    email = forms.EmailField(label="E-mail", required=False)
    password = forms.CharField(
        label="First password",
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 12 characters. Left empty, a random one is shown once. It has to be changed at log-in.",
    )


class TeamForm(forms.Form):
    slug = forms.SlugField(label="Short name", max_length=60, help_text="Small letters, digits and hyphens.")
    name = forms.CharField(label="Name", max_length=120, strip=True)


class RoleForm(forms.Form):
    role = forms.ChoiceField(
        label="Role",
        choices=[("", "Choose a role"), *Role.choices],
        error_messages={"required": "Choose a role."},
    )
    team = forms.ModelChoiceField(
        Team.objects.none(), label="Where", required=False, empty_label="The whole organisation"
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = selectors.teams()  # type: ignore[attr-defined]


class PeoplePage(ReadPage):
    permission = Permission.PORTAL_USER_MANAGE
    nav = "people"
    template_name = "portal/people.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        q = self.request.GET.get("q", "").strip()[:200]
        everybody = selectors.people_for(self.actor)
        rows = list(selectors.search_people(everybody, q)[: PAGE_SIZE + 1])
        return super().get_context_data(
            q=q,
            people=rows[:PAGE_SIZE],
            more=len(rows) > PAGE_SIZE,
            total=everybody.count(),
            lacking=selectors.without_role(self.actor).count(),
            teams=list(selectors.teams()),
            **kwargs,
        )


class PersonNewPage(ActPage):
    permission = Permission.PORTAL_USER_MANAGE
    nav = "people"
    template_name = "portal/person_new.html"
    form_class = PersonForm
    success_message = "The account is open. It can see nothing until it holds a role."

    def act(self, form: PersonForm) -> str:
        data = form.cleaned_data
        self.made = "" if data["password"] else passwords.random_password()
        self.subject = services.create_person(
            data["username"],
            name=data["name"],
            email=data["email"],
            password=data["password"] or self.made,
            actor=self.actor,
        )
        return reverse("person-edit", kwargs={"key": self.subject.uuid})

    def form_valid(self, form: PersonForm) -> HttpResponse:
        response = super().form_valid(form)
        if response.status_code == 303 and self.made:
            return show_once(self.request, self.subject, self.made)
        return response


def show_once(request: HttpRequest, subject: User, password: str) -> HttpResponse:
    """The answer that holds a first password; it is in no other page, message or log."""
    response = render(request, "portal/password_once.html", {"subject": subject, "password": password})
    response["Cache-Control"] = "no-store"
    return response


class TeamNewPage(ActPage):
    permission = Permission.PORTAL_USER_MANAGE
    nav = "people"
    template_name = "portal/team_new.html"
    form_class = TeamForm
    success_message = "The team is there."

    def act(self, form: TeamForm) -> str:
        services.create_team(form.cleaned_data["slug"], name=form.cleaned_data["name"], actor=self.actor)
        return reverse("people")


class PersonPage(ActPage):
    """One account; its form gives a role."""

    permission = Permission.PORTAL_USER_MANAGE
    nav = "people"
    template_name = "portal/person.html"
    form_class = RoleForm
    success_message = "The role is given. It holds from the next page on."

    @cached_property
    def subject(self) -> User:
        return selectors.person_with(self.actor, self.kwargs["key"])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        ended = self.subject.memberships.exclude(ended_at=None).select_related("team").order_by("-ended_at")
        return super().get_context_data(
            subject=self.subject,
            ended=list(ended[:20]),
            entries=list(entries_about("user", self.subject.pk)[:20]),
            **kwargs,
        )

    def act(self, form: RoleForm) -> str:
        data = form.cleaned_data
        services.grant_role(self.subject, role=data["role"], team=data["team"], actor=self.actor)
        return reverse("person-edit", kwargs={"key": self.subject.uuid})


class _PersonAct(Page):
    """A button on a person's page: it acts, says what happened, and returns there."""

    permission = Permission.PORTAL_USER_MANAGE
    http_method_names = ["post", "options"]

    def act(self, user: User, **kwargs: Any) -> str:
        raise NotImplementedError

    def post(self, request: HttpRequest, key: uuid.UUID, **kwargs: Any) -> HttpResponse:
        user = selectors.person_with(self.actor, key)
        try:
            messages.success(request, self.act(user, **kwargs))
        except DomainError as error:
            messages.error(request, error.diagnostics())
        return redirect("person-edit", key=user.uuid)


class MembershipEnd(_PersonAct):
    def act(self, user: User, **kwargs: Any) -> str:
        membership = user.memberships.filter(pk=kwargs["pk"]).first()
        if membership is None:
            raise Http404("No such role of this person.")
        services.end_membership(membership, actor=self.actor)
        return f"{user} is no longer {membership.get_role_display().lower()}."


class PersonClose(_PersonAct):
    def act(self, user: User, **kwargs: Any) -> str:
        services.set_active(user, active=False, actor=self.actor)
        return f"The account of {user} is closed. Its tokens are refused, its history stays."


class PersonOpen(_PersonAct):
    def act(self, user: User, **kwargs: Any) -> str:
        services.set_active(user, active=True, actor=self.actor)
        return f"The account of {user} is open again, with the roles it held."


class PersonPassword(_PersonAct):
    """A fresh first password for somebody who forgot theirs. It is in the answer and nowhere else."""

    def post(self, request: HttpRequest, key: uuid.UUID, **kwargs: Any) -> HttpResponse:
        user = selectors.person_with(self.actor, key)
        try:
            password = passwords.reset_password(user, actor=self.actor)
        except DomainError as error:
            messages.error(request, error.diagnostics())
            return redirect("person-edit", key=user.uuid)
        return show_once(request, user, password)
