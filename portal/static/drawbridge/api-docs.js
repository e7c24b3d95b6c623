// Show the OpenAPI document with Swagger UI; calls made from the page carry the session's CSRF token.
"use strict";

const place = document.getElementById("api-docs");

window.SwaggerUIBundle({
    url: place.dataset.schema,
    domNode: place,
    deepLinking: true,
    displayRequestDuration: true,
    validatorUrl: null,
    requestInterceptor: (request) => {
        const sameOrigin = new URL(request.url, window.location.href).origin === window.location.origin;
        if (sameOrigin && !["GET", "HEAD"].includes((request.method || "GET").toUpperCase())) {
            request.headers["X-CSRFToken"] = place.dataset.csrfToken;
        }
        return request;
    },
});
