// Clocks, moved on by the calendars that the module's description declares. Instants are whole milliseconds since 1970, UTC.
// A clock shows the earliest due instant that no job has run for (`shown`), the next that is still to come (`upcoming`), and the
// day of the month that a calendar of months aims at (`aim`).

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

export function parseInstant(written) {
  const instant = typeof written === "number" ? written : Date.parse(written);
  if (!Number.isSafeInteger(instant)) throw new RangeError(`${written} is not an instant`);
  return instant;
}

export function formatInstant(instant) {
  return new Date(instant).toISOString().replace(".000Z", "Z");
}

/** The calendar that a declared one comes to; `answer` tells the answer to a policy. */
export function calendarUnder(declared, answer) {
  return "policy" in declared ? calendarUnder(declared.answers[answer(declared.policy)], answer) : declared;
}

/** The clock that a record starts at an instant. */
export function startClock(calendar, at, record) {
  const begun = calendar.hour === "start_of_day" ? at - modulo(at, DAY) : at;
  const clock = { shown: at, upcoming: begun, anchor: at, aim: 0 };
  if (monthsOf(calendar)) {
    clock.aim = new Date(begun).getUTCDate();
    passOne(clock, calendar);
  } else if (calendar.once_after_hours) {
    clock.upcoming = at + calendar.once_after_hours * HOUR;
  } else {
    const mark = calendar.every === "day" ? timeOfDay(record[calendar.at] ?? "00:00") : begun;
    clock.upcoming = markAfter(at, mark, spanOf(calendar));
  }
  settle(clock);
  return clock;
}

/** Moves a clock to the due instant after its next one. */
export function passOne(clock, calendar) {
  const months = monthsOf(calendar);
  if (months) {
    clock.upcoming = monthsOn(clock.upcoming, months, clock.aim);
    if (calendar.short_month === "stays_clamped") clock.aim = new Date(clock.upcoming).getUTCDate();
  } else {
    clock.upcoming = calendar.once_after_hours ? Infinity : clock.upcoming + spanOf(calendar);
  }
}

/** Moves a clock to the first due instant strictly after an instant. */
export function passUntil(clock, calendar, at) {
  if (calendar.every && !monthsOf(calendar)) clock.upcoming = markAfter(at, clock.upcoming, spanOf(calendar));
  else while (clock.upcoming <= at) passOne(clock, calendar);
}

/** A job has run for everything that has fallen due. */
export function settle(clock) {
  clock.shown = clock.upcoming;
}

function monthsOf({ every }) {
  return { month: 1, year: 12 }[every] ?? 0;
}

function spanOf({ every, hours }) {
  return { day: DAY, week: 7 * DAY }[every] ?? hours * HOUR;
}

/** The same time of day some months later: on a day of the month, or on the last day of a month that has no such day. */
function monthsOn(instant, months, day) {
  const start = new Date(instant);
  const last = new Date(0);
  last.setUTCFullYear(start.getUTCFullYear(), start.getUTCMonth() + months + 1, 0);
  return last.setUTCDate(Math.min(day, last.getUTCDate())) + modulo(instant, DAY);
}

/** The first instant strictly after `at` that is whole spans away from `mark`. */
function markAfter(at, mark, span) {
  return at + span - modulo(at - mark, span);
}

function timeOfDay(written) {
  const [hours, minutes] = written.split(":").map(Number);
  return hours * HOUR + minutes * 60_000;
}

function modulo(number, by) {
  return ((number % by) + by) % by;
}
