const euros = new Intl.NumberFormat(undefined, { style: "currency", currency: "EUR" });
const time = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export const money = (cents: number) => euros.format(cents / 100);
export const when = (date: string) => time.format(new Date(date));
