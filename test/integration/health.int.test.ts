/** Each service as a real process says over HTTP that it lives, whether it is ready, and what it counts. */
import { expect, inject, test } from "vitest";
import { withBus } from "../harness/bus.ts";

test("gateway and supervisor answer livez, readyz and metrics; the gateway shows its doors [cli:health]", async () => {
  await withBus({ brokers: inject("brokers"), name: "health", partitions: 2 }, async (bus) => {
    const services = await Promise.all([bus.gateway("g1"), bus.supervisor("s1")]);
    await bus.doorsOpen();
    for (const { http } of services) {
      const [live, ready, metrics] = await Promise.all(
        ["/livez", "/readyz", "/metrics"].map((path) => fetch(http + path)),
      );
      expect([live?.status, ready?.status, metrics?.status]).toEqual([200, 200, 200]);
      expect(await live?.json()).toEqual({ live: true });
      expect(await ready?.json()).toEqual({ ready: true });
      expect(await metrics?.text()).toMatch(/^# TYPE busbar_\w+ /mu);
    }
    const doors = (await (await fetch(`${services[0].http}/doors`)).json()) as readonly { readonly door: string }[];
    expect(doors.map(({ door }) => door)).toEqual(["open", "open"]);
  });
});
