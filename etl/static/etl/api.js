// The server's answers, asked for by the admin's session.
//
//   import { get, post } from "./api.js";
//   const page = await get("/app/etl/jobs?limit=50");
//   await post("/app/etl/jobs/7/start", { full_sync: true });
//   await post(form.action, new FormData(form));
const WRITES_NEED = "X-CSRFToken";
// A network that is gone says nothing.
const PATIENCE_SECONDS = 30;
const LOGGED_OUT = "Your session has ended: log in again";
const WORDS = {
  403: "You may not do this, or the page is out of date: load it anew",
  404: "This is not there any more",
};

// `message` is for people; `status` is HTTP's, 0 where nobody answered; `errors` are the API's by field.
export class Refused extends Error {
  constructor(message, status, errors = {}) {
    super(message);
    this.status = status;
    this.errors = errors;
  }
}

// The token of a form on the page, else that of the cookie.
function csrfToken() {
  const field = document.querySelector("[name=csrfmiddlewaretoken]");
  return field ? field.value : (document.cookie.match(/(?:^|; )csrftoken=([^;]+)/) || [])[1] || "";
}

// What `read` makes of the answer. Throws Refused; of `signal` see fetch.
async function fetched(address, { signal, ...options }, read) {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), PATIENCE_SECONDS * 1_000);
  let answer, found;
  try {
    const ended = signal ? AbortSignal.any([signal, patience.signal]) : patience.signal;
    answer = await fetch(address, { credentials: "same-origin", ...options, signal: ended });
    found = await read(answer);
  } catch (error) {
    const why = patience.signal.aborted ? `no answer for ${PATIENCE_SECONDS} s` : error.message;
    throw new Refused(`The server could not be reached: ${why}`, 0);
  } finally {
    clearTimeout(timer);
  }
  // Who may not see a page is led to where people log in.
  if (answer.redirected) {
    throw new Refused(LOGGED_OUT, 401);
  }
  if (!answer.ok) {
    const words = found?.detail || found?.title || WORDS[answer.status] || `The server answered ${answer.status}`;
    throw new Refused(words, answer.status, found?.errors);
  }
  return found;
}

const isJson = (answer) => /[/+]json/.test(answer.headers.get("Content-Type") || "");

function request(method, address, { body, signal } = {}) {
  const headers = { Accept: "application/json" };
  const isForm = body instanceof FormData;
  if (method !== "GET") {
    headers[WRITES_NEED] = csrfToken();
  }
  if (body !== undefined && !isForm) {
    headers["Content-Type"] = "application/json";
  }
  const sent = isForm ? body : JSON.stringify(body);
  return fetched(address, { method, headers, body: sent, signal }, (answer) => (isJson(answer) ? answer.json() : null));
}

export const get = (address, options) => request("GET", address, options);
export const post = (address, body = {}) => request("POST", address, { body });

/** A page of the server's, or the part that the headers ask for. Throws Refused. */
export async function getPage(address, headers = {}) {
  const text = await fetched(address, { headers: { Accept: "text/html", ...headers } }, (answer) => answer.text());
  return new DOMParser().parseFromString(text, "text/html");
}
