import type { Event, Events } from "@shop/events";
import type { Database, Transaction } from "@shop/postgres";
import type { Provider } from "./provider.js";

export interface Payment {
  orderId: string;
  userId: string | null;
  totalCents: number | null;
  status: "charging" | "succeeded" | "failed" | "voided" | "refunded";
  reference: string | null;
  reason: string | null;
}

const COLUMNS = `order_id AS "orderId", user_id AS "userId", total_cents AS "totalCents", status, reference, reason`;

/**
 * An order's money. The row stays locked while the provider is asked, so that a charge and a cancellation of the same
 * order wait for each other, and the one that comes second sees what the first one did.
 */
export class Payments {
  constructor(
    private readonly db: Database,
    private readonly events: Events,
    private readonly provider: Provider,
  ) {}

  /** The goods are reserved: takes the money and says how it went; asked again, says it again. */
  async charge(event: Event<"inventory.reserved">): Promise<void> {
    const { orderId, userId, totalCents } = event.data;
    await this.db.query(
      "INSERT INTO payments (order_id, user_id, total_cents, status) VALUES ($1, $2, $3, 'charging') ON CONFLICT DO NOTHING",
      [orderId, userId, totalCents],
    );
    await this.events.once(event, async (tx) => {
      const { status, reason } = await this.settled(tx, orderId);
      if (status === "succeeded") await this.events.emit(tx, "payment.succeeded", { orderId }, event.requestId);
      if (status === "failed") {
        await this.events.emit(tx, "payment.failed", { orderId, reason: reason ?? "" }, event.requestId);
      }
    });
  }

  /** The order is cancelled: gives back what was taken, and sees to it that nothing is taken later. */
  async cancel(event: Event<"order.cancelled">): Promise<void> {
    const { orderId } = event.data;
    await this.events.once(event, async (tx) => {
      await tx.query("INSERT INTO payments (order_id, status) VALUES ($1, 'voided') ON CONFLICT DO NOTHING", [orderId]);
      const { status, reference } = await this.settled(tx, orderId);
      if (status !== "succeeded" || reference === null) return;
      await this.provider.refund(orderId, reference);
      await tx.query("UPDATE payments SET status = 'refunded' WHERE order_id = $1", [orderId]);
      await this.events.emit(tx, "payment.refunded", { orderId }, event.requestId);
    });
  }

  async find(userId: string, orderId: string): Promise<Payment | undefined> {
    const { rows } = await this.db.query<Payment>(
      `SELECT ${COLUMNS} FROM payments WHERE order_id = $1 AND user_id = $2`,
      [orderId, userId],
    );
    return rows[0];
  }

  /** Locks the payment; one that was being charged when something crashed is asked about with the same key. */
  private async settled(tx: Transaction, orderId: string): Promise<Payment> {
    const { rows } = await tx.query<Payment>(`SELECT ${COLUMNS} FROM payments WHERE order_id = $1 FOR UPDATE`, [
      orderId,
    ]);
    const payment = rows[0] as Payment;
    if (payment.status !== "charging") return payment;

    const outcome = await this.provider.charge(orderId, payment.totalCents ?? 0);
    const { rows: settled } = await tx.query<Payment>(
      `UPDATE payments SET status = $2, reference = $3, reason = $4 WHERE order_id = $1 RETURNING ${COLUMNS}`,
      outcome.ok ? [orderId, "succeeded", outcome.reference, null] : [orderId, "failed", null, outcome.reason],
    );
    return settled[0] as Payment;
  }
}
