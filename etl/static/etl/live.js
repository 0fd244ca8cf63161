// A socket that stays: it says where it stands, and opens again by itself where it was lost.
//
//   import { connect, poll } from "./live.js";
//   const socket = connect("/ws/jobs/1", { onMessage: (message) => …, onOpen: () => …, silence: 45_000 });
//   socket.send({ … });
//
// Where it stands is told in `[data-live-state]` (give it role="status"): the attribute is "connecting", "live", "lost"
// or "closed", the text says it in words. `onOpen` comes at every opening: the server's snapshot follows, which makes
// everything true again.
import { getPage } from "./api.js";
import { setText } from "./elements.js";

const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 30_000;
// Who stays connected for that long begins anew with the short waits.
const STEADY = 5_000;
// So soon after a look that failed comes the next.
const AGAIN_SECONDS = 15;

const WORDS = {
  connecting: "Connecting",
  live: "Live",
  lost: "Connection lost, trying again",
};
// What trying again does not mend, by HTTP's status; a socket's code is 4000 more.
const FINAL = new Map([
  [401, "Your session has ended: log in again"],
  [403, "You may not see this any more"],
  [404, "This is not there any more"],
]);
const FIRST_OWN_CODE = 4_000;

const stateElement = () => document.querySelector("[data-live-state]");

function say(state, name, words = WORDS[name]) {
  if (state) {
    state.dataset.liveState = name;
    setText(state, words);
  }
}

class LastingSocket {
  constructor(path, { onMessage, onOpen = () => {}, silence = 0, state = stateElement() }) {
    this.address = new URL(path, window.location.href.replace(/^http/, "ws"));
    this.onMessage = onMessage;
    this.onOpen = onOpen;
    this.silence = silence;
    this.state = state;
    this.failures = 0;
    this.ended = false;
    window.addEventListener("online", () => this.retryNow());
    window.addEventListener("offline", () => this.socket && this.lose());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.retryNow());
    // A page that is left is not to say so at its end; one that comes back out of the browser's store connects again.
    window.addEventListener("pagehide", () => this.drop());
    window.addEventListener("pageshow", (event) => event.persisted && !this.ended && this.open());
    this.open();
  }

  open() {
    this.drop();
    this.say(this.failures ? "lost" : "connecting");
    const socket = new WebSocket(this.address);
    this.socket = socket;
    this.isRefused = true;
    socket.onopen = () => this.opened();
    socket.onmessage = (event) => this.heard(event.data);
    socket.onclose = (event) => this.closed(event.code - FIRST_OWN_CODE);
    this.watchSilence();
  }

  closed(reason) {
    if (FINAL.has(reason)) {
      this.end(FINAL.get(reason));
      return;
    }
    this.lose();
    if (this.isRefused) {
      this.askWhy();
    }
  }

  // A socket that never opened does not say why: the page, asked for anew, does.
  async askWhy() {
    try {
      await getPage(window.location.href);
    } catch (error) {
      if (this.isRefused && FINAL.has(error.status)) {
        this.end(FINAL.get(error.status));
      }
    }
  }

  opened() {
    this.isRefused = false;
    this.say("live");
    this.steady = setTimeout(() => (this.failures = 0), STEADY);
    this.watchSilence();
    this.onOpen();
  }

  heard(text) {
    this.watchSilence();
    this.onMessage(JSON.parse(text));
  }

  // A network that is gone says nothing, and the browser notices after minutes: where the server speaks regularly, its
  // silence tells.
  watchSilence() {
    clearTimeout(this.silent);
    if (this.silence) {
      this.silent = setTimeout(() => this.lose(), this.silence);
    }
  }

  lose() {
    this.drop();
    this.say("lost");
    const wait = Math.min(FIRST_WAIT * 2 ** this.failures, LONGEST_WAIT);
    this.failures += 1;
    // Spread, so that those who lost the same server do not come back at once.
    this.retry = setTimeout(() => this.open(), wait * (0.5 + Math.random() / 2));
  }

  retryNow() {
    if (this.retry) {
      this.open();
    }
  }

  drop() {
    [this.retry, this.steady, this.silent].forEach(clearTimeout);
    this.retry = null;
    if (this.socket) {
      this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
      this.socket.close();
      this.socket = null;
    }
  }

  end(words) {
    this.ended = true;
    this.drop();
    this.say("closed", words);
  }

  // Whether it went off; what is said while the connection is lost is not kept.
  send(message) {
    const open = this.socket?.readyState === WebSocket.OPEN;
    if (open) {
      this.socket.send(JSON.stringify(message));
    }
    return open;
  }

  say(name, words) {
    say(this.state, name, words);
  }
}

export function connect(path, options) {
  return new LastingSocket(path, options);
}

// Calls `look` at once, so many seconds after each time while the page is seen, and when it is seen again. A look that
// fails is told in `[data-live-state]`, as a lost socket is.
export function poll(look, { seconds = 5, state = stateElement() } = {}) {
  let [looking, due, timer] = [false, 0, 0];
  const tick = async () => {
    clearTimeout(timer);
    if (looking || document.visibilityState !== "visible") {
      return;
    }
    if (Date.now() < due) {
      timer = setTimeout(tick, due - Date.now());
      return;
    }
    looking = true;
    const wait = 1_000 * ((await isSeen(look, state)) ? seconds : Math.min(seconds, AGAIN_SECONDS));
    looking = false;
    due = Date.now() + wait;
    timer = setTimeout(tick, wait);
  };
  document.addEventListener("visibilitychange", tick);
  tick();
}

async function isSeen(look, state) {
  try {
    await look();
    say(state, "live");
    return true;
  } catch (error) {
    console.warn(error);
    if (FINAL.has(error.status)) {
      say(state, "closed", FINAL.get(error.status));
    } else {
      say(state, "lost", error.status ? `${error.message}, trying again` : WORDS.lost);
    }
    return false;
  }
}
