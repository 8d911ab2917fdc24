"""The page: lists orders with their receipts, and takes new ones."""
import time

from celery.result import AsyncResult
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe
from redis.exceptions import RedisError

from .models import Order
from .tasks import make_receipt


def receipt_of(order):
    """The worker's result, or what it is waiting for."""
    if not order.receipt_task:
        return "no worker was reachable"
    result = AsyncResult(order.receipt_task)
    try:
        return result.result if result.successful() else "receipt pending"
    except RedisError:
        return "receipt not reachable"


@csrf_exempt  # a sample without sessions: nothing here can be stolen by a forged form
@require_http_methods(["GET", "HEAD", "POST"])
def orders(request):
    if request.method == "POST":
        item = request.POST.get("item", "").strip()
        if not item or len(item) > 80:
            return HttpResponseBadRequest("item: 1 to 80 characters\n", content_type="text/plain")
        order = Order.objects.create(item=item)
        try:
            order.receipt_task = make_receipt.delay(order.pk).id
        except make_receipt.OperationalError:
            return redirect("/")  # the order counts; the page says what is missing
        order.save(update_fields=["receipt_task"])
        return redirect("/")
    rows = [(order, receipt_of(order)) for order in Order.objects.all()[:50]]
    return render(request, "orders/orders.html", {"rows": rows})


@require_safe
def slow(request):
    """An answer that takes a while: to see that a stop lets it finish."""
    time.sleep(1.5)
    return HttpResponse("finished\n", content_type="text/plain")
