"""Routes of the API that the portal itself answers: tokens."""

from django.urls import path

from portal.api import own_tokens

urlpatterns = [
    path("tokens/", own_tokens.Tokens.as_view(), name="tokens"),
    path("tokens/<int:token_id>/", own_tokens.Token.as_view(), name="token"),
]
