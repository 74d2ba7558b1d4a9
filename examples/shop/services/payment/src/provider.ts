import { createHash } from "node:crypto";
import Stripe from "stripe";

export type Outcome = { ok: true; reference: string } | { ok: false; reason: string };

/** Takes and gives back money. Both may be called again for the same order and then do nothing new. */
export interface Provider {
  charge(orderId: string, cents: number): Promise<Outcome>;
  refund(orderId: string, reference: string): Promise<void>;
}

/** Decides by the order's id: asked again it says the same, as a real provider does. */
export class SimulatedProvider implements Provider {
  constructor(private readonly successRate: number) {}

  async charge(orderId: string): Promise<Outcome> {
    const draw = createHash("sha256").update(orderId).digest().readUInt32BE() / 2 ** 32;
    return draw < this.successRate
      ? { ok: true, reference: `simulated-${orderId}` }
      : { ok: false, reason: "the payment was declined" };
  }

  async refund(): Promise<void> {}
}

/** Stripe's client, on `fetch`: that takes the proxy of HTTPS_PROXY, which Stripe's own way of asking does not. */
export const connectStripe = (key: string) =>
  new Stripe(key, { timeout: 5_000, maxNetworkRetries: 1, httpClient: Stripe.createFetchHttpClient() });

/** Stripe; its idempotency keys make a repeated call return the first one's result. */
export class StripeProvider implements Provider {
  constructor(
    private readonly stripe: Pick<Stripe, "paymentIntents" | "refunds">,
    private readonly paymentMethod: string,
  ) {}

  async charge(orderId: string, cents: number): Promise<Outcome> {
    try {
      const { id, status } = await this.stripe.paymentIntents.create(
        {
          amount: cents,
          currency: "eur",
          confirm: true,
          payment_method: this.paymentMethod,
          automatic_payment_methods: { enabled: true, allow_redirects: "never" },
          metadata: { orderId },
        },
        { idempotencyKey: `charge-${orderId}` },
      );
      return status === "succeeded" ? { ok: true, reference: id } : { ok: false, reason: `the payment is ${status}` };
    } catch (error) {
      // A card that is declined is an answer; everything else is a failure to ask, and is tried again.
      if ((error as Stripe.errors.StripeError).type !== "StripeCardError") throw error;
      return { ok: false, reason: (error as Error).message };
    }
  }

  async refund(orderId: string, reference: string): Promise<void> {
    await this.stripe.refunds.create({ payment_intent: reference }, { idempotencyKey: `refund-${orderId}` });
  }
}
