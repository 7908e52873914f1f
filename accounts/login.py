"""Signing in and up. Code first, password second; the same pages come as fragments for the room's sheet."""

import time
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import RequestLoginCodeForm
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.views import LoginView, RequestLoginCodeView, SignupView
from allauth.core import context, ratelimit
from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRefresh

from liveshop.refusals import Code, Refused

FRESH_S = 600


class RequestCodeForm(RequestLoginCodeForm):
    """Asks for a code. Every try counts, so that nobody can list who is registered."""

    def clean_phone(self) -> str:
        phone: str = self.cleaned_data["phone"]
        adapter = get_adapter()
        if not ratelimit.consume(context.request, action="request_login_code", key=phone):
            raise adapter.validation_error("too_many_login_attempts")
        self._user = adapter.get_user_by_phone(phone)
        if self._user is None:
            raise adapter.validation_error("unknown_phone")
        return phone


class SignIn(LoginView):
    """The sign-in page: asks for a code, or with `?by=password` for the password."""

    def get_context_data(self, **facts: Any) -> dict[str, Any]:
        by_password = self.request.method == "POST" or self.request.GET.get("by") == "password"
        known: dict[str, Any] = super().get_context_data(**facts)
        return known | {"by": "password" if by_password else "code", "code_form": RequestCodeForm()}


def operators(request: HttpRequest) -> HttpResponse:
    """The admin site's door: the site's own sign-in, which counts wrong passwords. Refuses who is signed in and no operator."""
    wanted = request.GET.get("next", "")
    inside = wanted if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure()) else reverse("admin:index")
    if not request.user.is_authenticated:
        return redirect_to_login(inside, f"{reverse('account_login')}?by=password")
    if not admin.site.has_permission(request):
        raise Refused(Code.FORBIDDEN, why=_("Only operators enter the admin site: sign out, then in as one"))
    return HttpResponseRedirect(inside)


class AskForCode(RequestLoginCodeView):
    """Sends a code; an unknown phone goes on to sign-up with the number filled in."""

    template_name = "account/login.html"

    def form_invalid(self, form: RequestCodeForm) -> HttpResponse:
        if form.has_error("phone", code="unknown_phone"):
            query = QueryDict(mutable=True)
            query["phone"] = form.data.get("phone", "")
            return HttpResponseRedirect(self.passthrough_next_url(f"{reverse('account_signup')}?{query.urlencode()}"))
        response: HttpResponse = super().form_invalid(form)
        return response

    def get_context_data(self, **facts: Any) -> dict[str, Any]:
        known: dict[str, Any] = super().get_context_data(**facts)
        return known | {"by": "code", "code_form": known["form"]}


class LoginSheet(AskForCode):
    """The sign-in fragment for a room: `?next=` is where to come back to."""

    template_name = "accounts/_login_sheet.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated:
            return HttpResponseClientRefresh()
        response: HttpResponse = super().dispatch(request, *args, **kwargs)
        return response


class SignUp(SignupView):
    """Phone, nickname and, if wanted, a password."""

    def get_initial(self) -> dict[str, Any]:
        initial: dict[str, Any] = super().get_initial()
        return initial | {"phone": self.request.GET.get("phone", "")[:20]}


def came_by_code(request: HttpRequest) -> bool:
    """Whether this session signed in by code within the last ten minutes: then the old password need not be known."""
    records = get_authentication_records(request, request.user)
    return any(record["method"] == "code" and time.time() - record["at"] < FRESH_S for record in records)
