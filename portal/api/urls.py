"""Routes of the API that the portal itself answers: the caller and their tokens."""

from django.urls import path

from portal.api import me, own_tokens

urlpatterns = [
    path("me/", me.Me.as_view(), name="me"),
    path("tokens/", own_tokens.Tokens.as_view(), name="tokens"),
    path("tokens/<int:token_id>/", own_tokens.Token.as_view(), name="token"),
]
