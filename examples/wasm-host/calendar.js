// The two clocks: at which instants something falls due. Instants are whole milliseconds since 1970, UTC.
// A clock shows the earliest due instant that no job has run for (`shown`), and the next that is still to come (`upcoming`).

const DAY = 86_400_000;

export function parseInstant(written) {
  const instant = typeof written === "number" ? written : Date.parse(written);
  if (!Number.isSafeInteger(instant)) throw new RangeError(`${written} is not an instant`);
  return instant;
}

export function formatInstant(instant) {
  return new Date(instant).toISOString().replace(".000Z", "Z");
}

/** The daily clock of an account opened at an instant; `timeOfDay` is "HH:MM". */
export function startDaily(at, timeOfDay, every24h) {
  const [hours, minutes] = timeOfDay.split(":").map(Number);
  const sinceMark = (at - (hours * 60 + minutes) * 60_000) % DAY;
  const first = every24h ? at + DAY : at + DAY - ((sinceMark + DAY) % DAY);
  return { shown: first, upcoming: first };
}

/** Moves the daily clock to the first mark strictly after an instant. */
export function passDays(clock, at) {
  clock.upcoming += (Math.floor((at - clock.upcoming) / DAY) + 1) * DAY;
}

/** The monthly clock of a subscription begun at an instant. */
export function startMonthly(at, clamped) {
  const clock = { shown: at, upcoming: at, anchor: at, day: new Date(at).getUTCDate(), months: 0 };
  passMonth(clock, clamped);
  settle(clock);
  return clock;
}

/** Moves the monthly clock to the next anniversary: the last day of a month that is too short, for good if `clamped`. */
export function passMonth(clock, clamped) {
  clock.months += 1;
  const start = new Date(clock.anchor);
  const month = new Date(0);
  month.setUTCFullYear(start.getUTCFullYear(), start.getUTCMonth() + clock.months + 1, 0);
  const day = Math.min(clock.day, month.getUTCDate());
  if (clamped) clock.day = day;
  clock.upcoming = month.setUTCDate(day) + (((clock.anchor % DAY) + DAY) % DAY);
}

/** A job has run for everything that has fallen due. */
export function settle(clock) {
  clock.shown = clock.upcoming;
}
