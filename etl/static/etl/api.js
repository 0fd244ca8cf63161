// The API's answers, asked for by the admin's session.
//
//   import { get, post } from "./api.js";
//   const page = await get("/app/etl/jobs?limit=50");
//   await post("/app/etl/jobs/7/start", { full_sync: true });
//   await post(form.action, new FormData(form));
const WRITES_NEED = "X-CSRFToken";

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

export async function request(method, address, body) {
  const headers = { Accept: "application/json" };
  const isForm = body instanceof FormData;
  if (method !== "GET") {
    headers[WRITES_NEED] = csrfToken();
  }
  if (body !== undefined && !isForm) {
    headers["Content-Type"] = "application/json";
  }
  let answer;
  try {
    const sent = isForm ? body : JSON.stringify(body);
    answer = await fetch(address, { method, headers, credentials: "same-origin", body: sent });
  } catch (error) {
    throw new Refused(`The server could not be reached: ${error.message}`, 0);
  }
  return read(answer);
}

async function read(answer) {
  const isJson = /[/+]json/.test(answer.headers.get("Content-Type") || "");
  const found = isJson ? await answer.json() : null;
  if (!answer.ok) {
    const words = found?.detail || found?.title || `The server answered ${answer.status}`;
    throw new Refused(words, answer.status, found?.errors);
  }
  return found;
}

export const get = (address) => request("GET", address);
export const post = (address, body = {}) => request("POST", address, body);
