// A socket that stays: it says where it stands, and opens again by itself where it was lost.
//
//   import { connect, poll } from "./live.js";
//   const socket = connect("/ws/jobs/1", { onMessage: (message) => …, onOpen: () => …, silence: 45_000 });
//   socket.send({ … });  socket.close();
//
// Where it stands is told in `[data-live-state]` (give it role="status"): the attribute is "connecting", "live", "lost"
// or "closed", the text says it in words. `onOpen` comes at every opening: the server's snapshot follows, which makes
// everything true again.
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 30_000;
// Who stays connected for that long begins anew with the short waits.
const STEADY = 5_000;

const WORDS = {
  connecting: "Connecting",
  live: "Live",
  lost: "Connection lost, trying again",
  closed: "Not connected",
};
// Closed by the server for a reason that trying again does not mend.
const FINAL = new Map([
  [4401, "Your session has ended: log in again"],
  [4403, "You may not see this any more"],
  [4404, "This is not there any more"],
]);

const stateElement = () => document.querySelector("[data-live-state]");

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
    socket.onopen = () => this.opened();
    socket.onmessage = (event) => this.heard(event.data);
    socket.onclose = (event) => (FINAL.has(event.code) ? this.end(FINAL.get(event.code)) : this.lose());
  }

  opened() {
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

  close() {
    this.end(WORDS.closed);
  }

  say(name, words = WORDS[name]) {
    if (this.state && (this.state.dataset.liveState !== name || this.state.textContent !== words)) {
      this.state.dataset.liveState = name;
      this.state.textContent = words;
    }
  }
}

export function connect(path, options) {
  return new LastingSocket(path, options);
}

// Calls `look` at once, every so many seconds while the page is seen, and when it is seen again; never twice at a time.
// A look that fails is told in `[data-live-state]`, as a lost socket is. Returns what ends it.
export function poll(look, { seconds = 5, state = stateElement() } = {}) {
  let looking = false;
  const say = (name) => {
    if (state && state.dataset.liveState !== name) {
      state.dataset.liveState = name;
      state.textContent = WORDS[name];
    }
  };
  const tick = async () => {
    if (looking || document.visibilityState !== "visible") {
      return;
    }
    looking = true;
    try {
      await look();
      say("live");
    } catch (error) {
      console.warn(error);
      say("lost");
    } finally {
      looking = false;
    }
  };
  const timer = setInterval(tick, seconds * 1_000);
  document.addEventListener("visibilitychange", tick);
  tick();
  return () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", tick);
  };
}
