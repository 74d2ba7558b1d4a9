import type { Event } from "@shop/events";

export type Status = "pending" | "confirmed" | "cancelled";

/** What an order can hear about itself. */
export type News =
  | Pick<Event<"inventory.rejected">, "subject" | "data">
  | Pick<Event<"payment.succeeded">, "subject" | "data">
  | Pick<Event<"payment.failed">, "subject" | "data">
  | { subject: "timed out"; data: { orderId: string } };

export type Decision = { status: "confirmed"; reason: null } | { status: "cancelled"; reason: string };

/**
 * The saga: what an order in this state makes of the news, or nothing if it is settled. Confirmed is final. Cancelled
 * is final too, but a payment that still comes in is answered with the cancellation again, so that it is given back.
 */
export function decide(status: Status, reason: string | null, { subject, data }: News): Decision | undefined {
  if (status === "confirmed") return undefined;
  if (status === "cancelled") {
    return subject === "payment.succeeded" ? { status, reason: reason ?? "cancelled" } : undefined;
  }
  switch (subject) {
    case "payment.succeeded":
      return { status: "confirmed", reason: null };
    case "inventory.rejected":
    case "payment.failed":
      return { status: "cancelled", reason: data.reason };
    case "timed out":
      return { status: "cancelled", reason: "timed out" };
  }
}
