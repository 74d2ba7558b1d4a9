import type { Events } from "@shop/events";
import type { Database, Transaction } from "@shop/postgres";
import { HttpError } from "@shop/service";
import { canonical, type Item } from "./items.js";
import { decide, type News, type Status } from "./saga.js";

export interface Order {
  id: string;
  status: Status;
  reason: string | null;
  items: Item[];
  totalCents: number;
  createdAt: Date;
}

interface Row extends Order {
  userId: string;
  requestId: string;
}

const COLUMNS = `id, status, reason, items, total_cents AS "totalCents", created_at AS "createdAt"`;
const ALL_COLUMNS = `${COLUMNS}, user_id AS "userId", request_id AS "requestId"`;

export class Orders {
  constructor(
    private readonly db: Database,
    private readonly events: Events,
  ) {}

  /** Creates the order and sets the saga going, in one transaction; with a key that was used before, finds that order. */
  async place(
    userId: string,
    items: Item[],
    totalCents: number,
    key: string | undefined,
    requestId: string,
  ): Promise<Order> {
    return this.events.transaction(async (tx) => {
      const { rows } = await tx.query<Row>(
        `INSERT INTO orders (user_id, idempotency_key, items, total_cents, request_id) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING RETURNING ${ALL_COLUMNS}`,
        [userId, key, JSON.stringify(items), totalCents, requestId],
      );
      const order = rows[0];
      if (order) {
        await this.start(tx, order);
        return order;
      }
      const placed = key && (await this.placedWith(userId, key, items, tx));
      if (!placed) throw new Error("an order could neither be created nor found");
      return placed;
    });
  }

  /** The order that this key made, if any; the same key for something else is the caller's mistake. */
  async placedWith(
    userId: string,
    key: string,
    items: Item[],
    db: Database | Transaction = this.db,
  ): Promise<Order | undefined> {
    const { rows } = await db.query<Order>(
      `SELECT ${COLUMNS} FROM orders WHERE user_id = $1 AND idempotency_key = $2`,
      [userId, key],
    );
    if (rows[0] && canonical(rows[0].items) !== canonical(items)) {
      throw new HttpError(422, "This Idempotency-Key was used for another order.");
    }
    return rows[0];
  }

  async of(userId: string): Promise<Order[]> {
    const { rows } = await this.db.query<Order>(
      `SELECT ${COLUMNS} FROM orders WHERE user_id = $1 ORDER BY created_at DESC LIMIT 100`,
      [userId],
    );
    return rows;
  }

  async find(userId: string, id: string): Promise<Order | undefined> {
    const { rows } = await this.db.query<Order>(`SELECT ${COLUMNS} FROM orders WHERE user_id = $1 AND id = $2`, [
      userId,
      id,
    ]);
    return rows[0];
  }

  /** Lets the saga decide on the news, one at a time for an order. */
  async hear(tx: Transaction, news: News, requestId: string): Promise<void> {
    const { orderId } = news.data;
    const { rows } = await tx.query<Row>("SELECT status, reason FROM orders WHERE id = $1 FOR UPDATE", [orderId]);
    const decision = rows[0] && decide(rows[0].status, rows[0].reason, news);
    if (!decision) return;
    const { status, reason } = decision;
    await tx.query("UPDATE orders SET status = $2, reason = $3 WHERE id = $1", [orderId, status, reason]);
    if (status === "confirmed") await this.events.emit(tx, "order.confirmed", { orderId }, requestId);
    else await this.events.emit(tx, "order.cancelled", { orderId, reason }, requestId);
  }

  /** Cancels what has been pending for too long, and sets going again what may have lost an event on the way. */
  async sweep(timeoutSeconds: number, redriveSeconds: number): Promise<void> {
    await this.events.transaction(async (tx) => {
      const { rows: late } = await tx.query<Row>(
        `SELECT ${ALL_COLUMNS} FROM orders WHERE status = 'pending' AND created_at < now() - make_interval(secs => $1)
         ORDER BY created_at LIMIT 100 FOR UPDATE SKIP LOCKED`,
        [timeoutSeconds],
      );
      for (const { id, requestId } of late)
        await this.hear(tx, { subject: "timed out", data: { orderId: id } }, requestId);

      const { rows: idle } = await tx.query<Row>(
        `UPDATE orders SET driven_at = now() WHERE id IN (
           SELECT id FROM orders WHERE status = 'pending' AND driven_at < now() - make_interval(secs => $1)
           ORDER BY driven_at LIMIT 100 FOR UPDATE SKIP LOCKED)
         RETURNING ${ALL_COLUMNS}`,
        [redriveSeconds],
      );
      for (const order of idle) await this.start(tx, order);
    });
  }

  private async start(tx: Transaction, { id, userId, items, totalCents, requestId }: Row): Promise<void> {
    await this.events.emit(tx, "order.created", { orderId: id, userId, items, totalCents }, requestId);
  }
}
