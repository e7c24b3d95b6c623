"""Sign in and out."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import urlencode


class SignInForm(AuthenticationForm):
    """Django's form in our look."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["class"] = "form-control"


class SignIn(LoginView):
    """The sign-in page. `next` is followed only within this host (LoginView checks it)."""

    template_name = "registration/login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    @method_decorator(login_not_required)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Send a background request of an expired session to the full page instead of into a corner of it."""
        htmx = getattr(request, "htmx", None)
        if htmx and not request.user.is_authenticated:
            query = urlencode({"next": htmx.current_url_abs_path or reverse("home")})
            response = HttpResponse(status=204)
            response["HX-Redirect"] = f"{reverse('login')}?{query}"
            return response
        return super().dispatch(request, *args, **kwargs)

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        """Show the form again as the form error it is."""
        return self.render_to_response(self.get_context_data(form=form), status=422)
