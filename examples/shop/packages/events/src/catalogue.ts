import { z } from "zod";

const orderId = z.uuid();
const reason = z.string();
const items = z.array(z.object({ productId: z.string(), quantity: z.number().int().positive() }));
const payable = { orderId, userId: z.uuid(), totalCents: z.number().int().positive() };

/** Everything that one service tells the others; the subject is the event's name. */
export const catalogue = {
  "order.created": z.object({ ...payable, items }),
  "order.confirmed": z.object({ orderId }),
  "order.cancelled": z.object({ orderId, reason }),
  "inventory.reserved": z.object(payable),
  "inventory.rejected": z.object({ orderId, reason }),
  "payment.succeeded": z.object({ orderId }),
  "payment.failed": z.object({ orderId, reason }),
  "payment.refunded": z.object({ orderId }),
};

export type Subject = keyof typeof catalogue;
export type Data<S extends Subject> = z.infer<(typeof catalogue)[S]>;

export interface Event<S extends Subject = Subject> {
  id: string;
  subject: S;
  data: Data<S>;
  /** The request that set it all off: it follows an order through every service's log. */
  requestId: string;
}

export type Handlers = { [S in Subject]?: (event: Event<S>) => Promise<void> };

interface Message {
  subject: string;
  headers?: { get(name: string): string } | undefined;
  json(): unknown;
}

/** Trusts nothing that came over the wire. */
export function decode(message: Message): Event {
  const subject = z.enum(Object.keys(catalogue) as [Subject]).parse(message.subject);
  return {
    id: z.uuid().parse(message.headers?.get("Nats-Msg-Id")),
    subject,
    data: catalogue[subject].parse(message.json()),
    requestId: message.headers?.get("X-Request-Id") ?? "",
  };
}

/** Who publishes on which stream; each service makes its own. */
export const streams = {
  ORDERS: "order.>",
  INVENTORY: "inventory.>",
  PAYMENTS: "payment.>",
} as const;

export type Stream = keyof typeof streams;
