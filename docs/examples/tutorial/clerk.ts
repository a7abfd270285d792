/** The agent of the tutorial. It does not take a no for an answer. */
import { defineAgent } from "@busbar/agent";

const clerk = defineAgent<{ readonly orderId: number }>({
  name: "clerk",
  version: "1.0.0",
  example: { orderId: 7 },
  async handler({ input }, ctx) {
    const { orderId } = input;
    const pay = () => ctx.tool<{ readonly refund: number }>("refunds.pay", { orderId });
    // Once more, whatever the reason was: the rules of the bus are there for agents like this one.
    const { refund } = await pay().catch(pay);
    return { orderId, refund };
  },
});

export const agents = [clerk];
