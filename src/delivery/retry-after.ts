/** `Retry-After` (RFC 9110, 10.2.3): seconds, or an HTTP-date in one of its three formats. */

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const month = `(?<month>${months.join('|')})`;
const time = '(?<hour>[01]\\d|2[0-3]):(?<minute>[0-5]\\d):(?<second>[0-5]\\d|60)';
const shortDay = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const longDay = '(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day';

const imfFixdate = new RegExp(`^${shortDay}, (?<day>\\d\\d) ${month} (?<year>\\d{4}) ${time} GMT$`);
const rfc850 = new RegExp(`^${longDay}, (?<day>\\d\\d)-${month}-(?<year>\\d\\d) ${time} GMT$`);
const asctime = new RegExp(`^${shortDay} ${month} (?<day>[ \\d]\\d) ${time} (?<year>\\d{4})$`);

/**
 * How long the receiver asks to wait, from 0 to `maxMs` milliseconds; undefined when the value is neither seconds nor a
 * date. A date in the past gives 0.
 */
export function parseRetryAfter(value: string, nowMs: number, maxMs: number): number | undefined {
  const text = value.trim();
  const waitMs = /^\d+$/.test(text) ? Number(text) * 1000 : parseHTTPDate(text, nowMs) - nowMs;
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(0, waitMs), maxMs);
}

/** Milliseconds since the epoch; NaN when it is no HTTP-date. */
function parseHTTPDate(text: string, nowMs: number): number {
  const groups = (imfFixdate.exec(text) ?? rfc850.exec(text) ?? asctime.exec(text))?.groups;
  if (groups === undefined) return Number.NaN;
  const { day = '', month: monthName = '', year = '', hour, minute, second } = groups;
  const monthIndex = months.indexOf(monthName);
  const fullYear = year.length === 2 ? expandYear(Number(year), nowMs) : Number(year);
  const midnight = new Date(0);
  midnight.setUTCFullYear(fullYear, monthIndex, Number(day));
  if (midnight.getUTCMonth() !== monthIndex || midnight.getUTCDate() !== Number(day)) return Number.NaN;
  return midnight.getTime() + ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1000;
}

/** A two-digit year that seems more than 50 years in the future is the most recent past one (RFC 9110, 5.6.7). */
function expandYear(twoDigits: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + twoDigits;
  return year > thisYear + 50 ? year - 100 : year;
}
