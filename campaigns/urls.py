from django.urls import URLPattern, URLResolver, path

from campaigns import drop_page, studio, views
from campaigns.rehearsal import pages

urlpatterns: list[URLPattern | URLResolver] = [
    path("claims/", views.claim, name="claim"),
    path("claims/<uuid:key>", views.claim_result, name="claim_result"),
    path("deals/<str:public_id>/wait", views.deal_wait, name="deal_wait"),
    path("coupons/<str:public_id>/take", views.take_coupon, name="take_coupon"),
    path("drops/<str:public_id>", drop_page.drop, name="drop"),
    path("drops/<str:public_id>/log.json", drop_page.log_file, name="drop_log"),
    path("me/claims", drop_page.my_claims, name="my_claims"),
    path("me/coupons", views.my_coupons, name="my_coupons"),
    path("studio/<slug:slug>/rehearsals", pages.rehearsals, name="studio_rehearsals"),
    path("studio/<slug:slug>/rehearsals/<str:public_id>", pages.rehearsal, name="studio_rehearsal"),
    path("studio/<slug:slug>/rehearsals/<str:public_id>/<str:verb>", pages.wish, name="studio_rehearsal_wish"),
    path("studio/<slug:slug>/drops", studio.drops_panel, name="studio_drops"),
    path("studio/<slug:slug>/drops/deal", studio.plan_deal, name="studio_plan_deal"),
    path("studio/<slug:slug>/drops/coupon", studio.plan_coupon, name="studio_plan_coupon"),
    path("studio/<slug:slug>/drops/<str:public_id>/<str:verb>", studio.act, name="studio_drop_act"),
]
