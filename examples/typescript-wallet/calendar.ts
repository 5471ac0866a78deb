// Instants are whole milliseconds since 1970, UTC.

export const DAY = 86_400_000;

export function show(instant: number): string | null {
  return instant === Infinity ? null : new Date(instant).toISOString().replace(".000Z", "Z");
}

/** The first instant at a time of day ("HH:MM") strictly after another. */
export function nextMark(timeOfDay: string, after: number): number {
  const [hours = 0, minutes = 0] = timeOfDay.split(":").map(Number);
  const mark = after - (after % DAY) + (hours * 60 + minutes) * 60_000;
  return mark > after ? mark : mark + DAY;
}

/** The same day and time some months later, or the last day of a month that is too short, unless it may overflow. */
export function monthsLater(start: number, months: number, mayOverflow: boolean): number {
  const first = new Date(start);
  const [year, month, day] = [first.getUTCFullYear(), first.getUTCMonth() + months, first.getUTCDate()];
  const last = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  return Date.UTC(year, month, mayOverflow ? day : Math.min(day, last)) + (start % DAY);
}
