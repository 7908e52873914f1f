"""The payment simulator's own page: another company's, so to speak, and clearly marked as pretend."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from liveshop.clock import now
from liveshop.refusals import Code, Refused
from orders.models import SimulatedCharge, SimulatedState
from orders.payments import simulator as service
from orders.payments.base import providers


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def simulator(request: HttpRequest, payment: str) -> HttpResponse:
    """Pay, fail, or make trouble. As at a real service the number in the address is all one needs to pay for somebody."""
    charge = SimulatedCharge.objects.filter(payment_ref=payment).first()
    if charge is None or service.Simulator.name not in providers():
        raise Refused(Code.NOT_FOUND)
    if request.method == "POST":
        return _press(request, charge)
    is_over = charge.state == SimulatedState.CLOSED or charge.expires_at <= now()
    context = {"charge": charge, "is_over": is_over, "is_paid": charge.state == SimulatedState.PAID, "late_s": service.LATE_S}
    return render(request, "orders/simulator.html", context)


def _press(request: HttpRequest, charge: SimulatedCharge) -> HttpResponse:
    try:
        button = service.Button(request.POST.get("button", ""))
    except ValueError:
        raise Refused(Code.INVALID) from None
    service.press(payment_ref=charge.payment_ref, button=button, payer=_payer(request, charge), is_late=request.POST.get("late") == "1")
    return redirect(charge.return_url)


def _payer(request: HttpRequest, charge: SimulatedCharge) -> str:
    """The pretend account: each signed-in person has one; “another account” is any name typed in."""
    typed = request.POST.get("account", "").strip()[:40]
    if typed:
        return f"account:{typed}"
    return f"wallet:{request.user.public_id}" if request.user.is_authenticated else f"wallet:{charge.payment_ref}"
