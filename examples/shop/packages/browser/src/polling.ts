import { useCallback, useEffect, useState } from "preact/hooks";

/** The last answer, asked for again every so often, and at once by `refresh`; while it is off, nothing. */
export function usePolling<T>(ask: () => Promise<T>, everyMs: number, on = true) {
  const [data, setData] = useState<T>();
  const [error, setError] = useState<Error>();
  const refresh = useCallback(async () => {
    try {
      setData(await ask());
      setError(undefined);
    } catch (problem) {
      setError(problem as Error);
    }
  }, [ask]);

  useEffect(() => {
    if (!on) return setData(undefined);
    void refresh();
    const timer = setInterval(() => void refresh(), everyMs);
    return () => clearInterval(timer);
  }, [refresh, everyMs, on]);

  return { data, error, refresh };
}
