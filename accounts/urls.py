"""Login, sign-up and the person's own pages. Of allauth only what people use here is reachable."""

from allauth.account import views as allauth
from django.urls import URLPattern, URLResolver, path
from drf_spectacular.views import SpectacularAPIView

from accounts import api, login, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("accounts/login/", login.SignIn.as_view(), name="account_login"),
    path("accounts/login-sheet", login.LoginSheet.as_view(), name="login_sheet"),
    path("accounts/login/code/", login.AskForCode.as_view(), name="account_request_login_code"),
    path("accounts/login/code/confirm/", allauth.confirm_login_code, name="account_confirm_login_code"),
    path("accounts/signup/", login.SignUp.as_view(), name="account_signup"),
    path("accounts/phone/verify/", allauth.verify_phone, name="account_verify_phone"),
    path("accounts/phone/change/", allauth.change_phone, name="account_change_phone"),
    path("accounts/reauthenticate/", allauth.reauthenticate, name="account_reauthenticate"),
    path("accounts/logout/", allauth.logout, name="account_logout"),
    path("accounts/inactive/", allauth.account_inactive, name="account_inactive"),
    path("admin/login/", login.operators, name="operator_login"),  # in the place of the admin site's own, which counts no wrong passwords
    path("me", views.me, name="me"),
    path("me/profile", views.profile, name="me_profile"),
    path("me/password", views.password, name="account_set_password"),
    path("me/addresses", views.address_list, name="addresses"),
    path("me/addresses/<str:public_id>", views.address, name="me_address"),
    path("me/become-anchor", views.become_anchor, name="become_anchor"),
    path("me/privacy", views.privacy, name="me_privacy"),
    path("me/privacy/export", views.export, name="me_export"),
    path("me/privacy/log-out-everywhere", views.log_out_everywhere, name="log_out_everywhere"),
    path("api/me", api.MeView.as_view(), name="api_me"),
    path("api/schema", SpectacularAPIView.as_view(), name="api_schema"),
]
