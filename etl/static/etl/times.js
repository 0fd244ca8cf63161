// Moments and durations in words, in the time zone that the page names.
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

// In words for a glance: 45 s, 12 min, 3 h 20 min, 2 d 4 h.
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < MINUTE) {
    return `${whole} s`;
  }
  const [unit, name, part, partName] =
    whole < HOUR ? [MINUTE, "min", 1, "s"] : whole < DAY ? [HOUR, "h", MINUTE, "min"] : [DAY, "d", HOUR, "h"];
  const rest = Math.floor((whole % unit) / part);
  // Of many minutes nobody wants the seconds.
  const shown = rest && !(name === "min" && whole >= 10 * MINUTE);
  return `${Math.floor(whole / unit)} ${name}${shown ? ` ${rest} ${partName}` : ""}`;
}

// How far away a moment is: "in 3 min", "2 h ago", "now".
export function away(iso, now = Date.now()) {
  const seconds = (Date.parse(iso) - now) / 1000;
  if (Math.abs(seconds) < 1) {
    return "now";
  }
  // Nobody wants the seconds of what is minutes away.
  const whole = Math.abs(seconds) < MINUTE ? Math.abs(seconds) : Math.round(Math.abs(seconds) / MINUTE) * MINUTE;
  return seconds > 0 ? `in ${duration(whole)}` : `${duration(whole)} ago`;
}

// Making a format takes longer than using it a hundred times.
const formats = new Map();

function format(locale, options) {
  const key = JSON.stringify([locale, options]);
  if (!formats.has(key)) {
    formats.set(key, new Intl.DateTimeFormat(locale, options));
  }
  return formats.get(key);
}

// The time of a moment of today, else with its day.
export function clock(iso, timeZone, now = new Date()) {
  const moment = new Date(iso);
  const day = format("en-CA", { timeZone, dateStyle: "short" });
  const time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone };
  const sameDay = day.format(moment) === day.format(now);
  return format("en-GB", sameDay ? time : { ...time, day: "numeric", month: "short" }).format(moment);
}

// All of it, for a title.
export function full(iso, timeZone) {
  return format("en-GB", { dateStyle: "medium", timeStyle: "long", hourCycle: "h23", timeZone }).format(new Date(iso));
}
