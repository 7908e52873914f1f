"""The person's own pages: profile, addresses, password, privacy."""

from typing import cast

from allauth.account.forms import ChangePasswordForm, SetPasswordForm
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts import addresses, exports, people, pictures, sanctions
from accounts.access import sanction_facts
from accounts.forms import AddressForm, ProfileForm
from accounts.login import came_by_code
from accounts.models import User
from liveshop.refusals import Refused


def person(request: HttpRequest) -> User:
    """The signed-in user of a view behind `login_required`."""
    return cast(User, request.user)


@require_safe
@login_required
def me(request: HttpRequest) -> HttpResponse:
    """The person's home: orders, coupons, addresses, selling, settings."""
    user = person(request)
    held = [{"sanction": sanction} | sanction_facts(sanction) for sanction in sanctions.active_all(scope=sanctions.PLATFORM, user=user)]
    return render(request, "accounts/me.html", {"held": held, "shops": user.shops.all(), "address_count": addresses.of(user).count()})


@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """Change nickname, picture and the line about oneself."""
    user = person(request)
    known = {"nickname": user.nickname, "bio": user.bio, "avatar": user.avatar}
    form = ProfileForm(request.POST or None, request.FILES or None, user=user, initial=known)
    if request.method == "POST" and form.is_valid() and _profile_saved(user, form):
        messages.success(request, _("Saved"))
        return redirect("me")
    return render(request, "accounts/profile.html", {"form": form, "avatars": pictures.AVATARS}, status=422 if form.errors else 200)


def _profile_saved(user: User, form: ProfileForm) -> bool:
    """Whether everything was accepted; a refusal becomes an error of its field."""
    upload = form.cleaned_data["upload"]
    field = "upload"
    try:
        avatar = pictures.store_avatar(upload, upload.size) if upload else form.cleaned_data["avatar"] or None
        field = "nickname"
        people.rename(user=user, nickname=form.cleaned_data["nickname"])
    except Refused as refused:
        form.add_error(field, str(refused.facts["why"]))
        return False
    people.describe(user=user, bio=form.cleaned_data["bio"], avatar=avatar)
    return True


@login_required
def password(request: HttpRequest) -> HttpResponse:
    """Set a password, or change it. Who just came in by code need not know the old one."""
    user = person(request)
    kind = SetPasswordForm if not user.has_usable_password() or came_by_code(request) else ChangePasswordForm
    form = kind(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        update_session_auth_hash(request, user)
        messages.success(request, _("Your password is set; other devices were signed out"))
        return redirect("me")
    return render(request, "accounts/password.html", {"form": form}, status=422 if form.errors else 200)


@login_required
def address_list(request: HttpRequest) -> HttpResponse:
    """All addresses, and the form for a new one. A POST adds."""
    form = AddressForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        saved = addresses.save(user=person(request), **form.cleaned_data)
        return _after_address(request, saved.public_id)
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "accounts/_address_form.html", {"form": form}, status=422 if form.errors else 200)
    context = {"form": form, "addresses": addresses.of(person(request))}
    return render(request, "accounts/addresses.html", context, status=422 if form.errors else 200)


@login_required
def address(request: HttpRequest, public_id: str) -> HttpResponse:
    """One address: its form; a POST changes, deletes or makes it the default."""
    user = person(request)
    found = addresses.find(user, public_id)
    action = request.POST.get("action", "save")
    if request.method == "POST" and action == "delete":
        addresses.remove(user=user, address=found)
        return redirect("addresses")
    if request.method == "POST" and action == "default":
        addresses.make_default(user=user, address=found)
        return _after_address(request, found.public_id)
    form = AddressForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        addresses.save(user=user, address=found, **form.cleaned_data)
        return _after_address(request, found.public_id)
    template = "accounts/_address_form.html" if request.htmx else "accounts/address.html"  # type: ignore[attr-defined]
    return render(request, template, {"form": form, "address": found}, status=422 if form.errors else 200)


def _after_address(request: HttpRequest, public_id: str) -> HttpResponse:
    """Back to where the form stood: `next` gets `address=<public id>` so that a checkout uses it at once."""
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}):
        messages.success(request, _("Saved"))
        return redirect("addresses")
    return redirect(f"{target}{'&' if '?' in target else '?'}address={public_id}")


@login_required
def become_anchor(request: HttpRequest) -> HttpResponse:
    """Open the studio to this person. A visit without the button, as after a login, leads to where the button is."""
    if request.method != "POST":
        return redirect("me")
    people.become_anchor(user=person(request))
    return redirect("studio_home")


@require_safe
@login_required
def privacy(request: HttpRequest) -> HttpResponse:
    """What the site keeps, the export, and logging out everywhere."""
    return render(request, "accounts/privacy.html", {"keys": person(request).identity_keys.order_by("kind", "-seen_at")})


@require_safe
@login_required
def export(request: HttpRequest) -> HttpResponse:
    """The person's own data as a file."""
    response = JsonResponse(exports.personal_data(person(request)), json_dumps_params={"ensure_ascii": False, "indent": 1})
    response["Content-Disposition"] = 'attachment; filename="liveshop-my-data.json"'
    return response


@require_POST
@login_required
def log_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End every session, this one too, and every socket."""
    people.log_out_everywhere(user=person(request))
    request.session.flush()
    return redirect("account_login")
