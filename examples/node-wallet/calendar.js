// Instants are whole milliseconds since 1970, UTC. Nothing here asks for the time zone of the machine.

export const DAY = 86_400_000;

/** RFC 3339 text; a fraction of three digits only where there is one. */
export function show(instant) {
  return instant === null || instant === Infinity ? null : new Date(instant).toISOString().replace(".000Z", "Z");
}

/** The first instant at a time of day ("HH:MM") strictly after another. */
export function nextMark(timeOfDay, after) {
  const [hours, minutes] = timeOfDay.split(":").map(Number);
  const mark = after - (after % DAY) + (hours * 60 + minutes) * 60_000;
  return mark > after ? mark : mark + DAY;
}

/** The anniversary: the same day and time some months later, or the last day of a month that is too short. */
export function monthsLater(start, months) {
  const first = new Date(start);
  const year = first.getUTCFullYear();
  const month = first.getUTCMonth() + months;
  const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  return Date.UTC(year, month, Math.min(first.getUTCDate(), lastDay)) + (start % DAY);
}
