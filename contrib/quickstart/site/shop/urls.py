"""One page, its static files, and a health answer that asks nobody else."""
from django.conf import settings
from django.http import HttpResponse
from django.urls import path
from django.views.static import serve

from orders import views

urlpatterns = [
    path("", views.orders),
    path("slow", views.slow),
    path("healthz", lambda request: HttpResponse("ok\n", content_type="text/plain")),
    path("static/<path:path>", serve, {"document_root": settings.STATIC_ROOT}),
]
