import { describe, expect, it } from "vitest";
import { clusterSettings } from "./jvm-cluster.ts";

describe("the settings of a cluster's node", () => {
  it("name the node and every voter, and want a majority of the replicas in sync", () => {
    const settings = clusterSettings(2, [9001, 9002, 9003]);
    expect(settings).toMatchObject({
      "node.id": "2",
      "controller.quorum.voters": "1@127.0.0.1:9001,2@127.0.0.1:9002,3@127.0.0.1:9003",
      "offsets.topic.replication.factor": "3",
      "min.insync.replicas": "2",
      "unclean.leader.election.enable": "false",
    });
    expect(clusterSettings(1, [1, 2, 3, 4, 5])["min.insync.replicas"]).toBe("3");
  });
});
