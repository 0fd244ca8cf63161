// Shows the schema that the page names. What is tried out goes with the admin's session, where there is one.
const page = document.getElementById("docs");

function withCsrfToken(request) {
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/);
  if (token && !["GET", "HEAD"].includes(request.method)) {
    request.headers["X-CSRFToken"] = token[1];
  }
  return request;
}

window.SwaggerUIBundle({
  url: page.dataset.schema,
  domNode: page,
  docExpansion: "none",
  deepLinking: true,
  filter: true,
  // Nobody else is told what is looked at.
  validatorUrl: null,
  requestInterceptor: withCsrfToken,
});
