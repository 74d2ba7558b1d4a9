import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { api, type Order } from "./api.js";
import "./style.css";

interface PageProps {
  title: string;
  link: { href: string; text: string };
  children: (signedIn: boolean, signOut: () => void) => ComponentChildren;
}

/** What both front ends share: the header, who is signed in, and the way to sign in. */
export function Page({ title, link, children }: PageProps) {
  const [signedIn, setSignedIn] = useState(api.signedIn);
  const signOut = () => {
    api.logout();
    setSignedIn(false);
  };
  return (
    <>
      <header>
        <h1>{title}</h1>
        <nav>
          <a href={link.href}>{link.text}</a>
          {signedIn && (
            <button type="button" class="quiet" onClick={signOut}>
              Sign out
            </button>
          )}
        </nav>
      </header>
      <main>
        {!signedIn && <SignIn onDone={() => setSignedIn(true)} />}
        {children(signedIn, signOut)}
      </main>
    </>
  );
}

function SignIn({ onDone }: { onDone: () => void }) {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const user = { email: String(form.get("email")), password: String(form.get("password")) };
    setBusy(true);
    setProblem("");
    try {
      if ((event.submitter as HTMLButtonElement | null)?.value === "register") await api.register(user);
      await api.login(user);
      onDone();
    } catch (error) {
      setProblem((error as Error).message);
    } finally {
      setBusy(false);
    }
  };

  return (
    <section class="card" aria-labelledby="sign-in">
      <h2 id="sign-in">Sign in</h2>
      <form onSubmit={submit}>
        <label>
          E-mail <input name="email" type="email" autocomplete="email" required />
        </label>
        <label>
          Password <input name="password" type="password" autocomplete="current-password" minLength={8} required />
        </label>
        <button disabled={busy} value="login">
          Sign in
        </button>
        <button disabled={busy} value="register" class="quiet">
          Create an account
        </button>
      </form>
      <p role="alert">{problem}</p>
    </section>
  );
}

export function Status({ order }: { order: Pick<Order, "status" | "reason"> }) {
  return (
    <span class={`status ${order.status}`}>
      {order.status}
      {order.reason && `: ${order.reason}`}
    </span>
  );
}
