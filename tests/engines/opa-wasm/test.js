// The built-in policy, as OPA's own JavaScript engine sees it: loaded as it is, asked about a
// fragile and a sound Deployment through every form of input that engines use.
//
// Run by `cargo xtask test`, after `npm ci` in this folder and `cargo xtask wasm`.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";

import opa from "@open-policy-agent/opa-wasm";

const file = new URL("../../../target/policies/baseline.opa.wasm", import.meta.url);
const bytes = await readFile(file);

const container = (extra) => ({
  name: "shop",
  image: "registry.example/shop:1.4.2",
  resources: { requests: { cpu: "100m", memory: "128Mi" } },
  ...extra,
});

const deployment = (replicas, spec, extra) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "shop", namespace: "web", labels: { app: "shop" } },
  spec: {
    replicas,
    selector: { matchLabels: { app: "shop" } },
    template: {
      metadata: { labels: { app: "shop" } },
      spec: { ...spec, containers: [container(extra)] },
    },
  },
});

const fragile = deployment(1, {}, {});

const spread = (topologyKey) => ({
  maxSkew: 1,
  topologyKey,
  whenUnsatisfiable: "DoNotSchedule",
  labelSelector: { matchLabels: { app: "shop" } },
  matchLabelKeys: ["pod-template-hash"],
});
const probe = { httpGet: { path: "/ready", port: 8080 }, periodSeconds: 5 };
const sound = deployment(
  3,
  {
    topologySpreadConstraints: [
      spread("kubernetes.io/hostname"),
      spread("topology.kubernetes.io/zone"),
    ],
  },
  { ports: [{ containerPort: 8080 }], readinessProbe: probe },
);

const review = (object) => ({ parameters: {}, review: { uid: "1", operation: "CREATE", object } });

// An engine may offer more memory than it must; five pages is the least that any offers.
const load = () => opa.loadPolicy(bytes, { initial: 5 });

test("a fragile Deployment is a violation in Gatekeeper's form", async () => {
  const policy = await load();
  const [{ result }] = policy.evaluate(review(fragile), "ha/violation");
  const rules = result.map((violation) => violation.details.rule);
  assert.ok(rules.includes("single-replica"), `rules: ${rules}`);
  for (const { msg, details } of result) {
    assert.equal(typeof msg, "string");
    assert.equal(details.verdict, "fail");
  }
});

test("a sound Deployment has no violation", async () => {
  const policy = await load();
  assert.deepEqual(policy.evaluate(review(sound), "ha/violation"), [{ result: [] }]);
});

test("an AdmissionReview's request is answered with a response of the same uid", async () => {
  const policy = await load();
  const request = (object) => ({ request: { uid: "42", operation: "CREATE", object } });
  const [{ result: denied }] = policy.evaluate(request(fragile), 0);
  assert.equal(denied.response.uid, "42");
  assert.equal(denied.response.allowed, false);
  assert.match(denied.response.status.message, /single-replica/);
  const [{ result: allowed }] = policy.evaluate(request(sound), 0);
  assert.deepEqual(allowed, { response: { uid: "42", allowed: true } });
});

test("deleting an object is no violation", async () => {
  const policy = await load();
  const input = { review: { uid: "1", operation: "DELETE", object: null } };
  assert.deepEqual(policy.evaluate(input, 0), [{ result: [] }]);
});

test("the least severity of a violation is a parameter", async () => {
  const policy = await load();
  const strict = { ...review(fragile), parameters: { failOn: "low" } };
  const [{ result: all }] = policy.evaluate(strict, 0);
  const [{ result: medium }] = policy.evaluate(review(fragile), 0);
  assert.ok(all.length >= medium.length);
  const lax = { ...review(fragile), parameters: { failOn: "critical" } };
  assert.deepEqual(policy.evaluate(lax, 0), [{ result: [] }]);
});

test("what is not a review is an error, never an empty answer", async () => {
  for (const input of [{}, { review: 1 }, [], "text", { review: { object: { kind: 1 } } }, undefined]) {
    const policy = await load();
    assert.throws(() => policy.evaluate(input, 0), `${JSON.stringify(input)} was answered`);
  }
});

test("the report tells verdicts apart", async () => {
  const policy = await load();
  const [{ result }] = policy.evaluate(review(fragile), "ha/report");
  const single = result.findings.find((finding) => finding.rule === "single-replica");
  assert.equal(single.verdict, "fail");
});

test("memory does not grow from one evaluation to the next", async () => {
  const policy = await load();
  const inputs = [review(fragile), review(sound)];
  const expected = inputs.map((input) => policy.evaluate(input, 0));
  const size = policy.mem.buffer.byteLength;
  for (let round = 0; round < 2000; round += 1) {
    assert.deepEqual(policy.evaluate(inputs[round % 2], 0), expected[round % 2]);
  }
  assert.equal(policy.mem.buffer.byteLength, size);
});

// What Gatekeeper keeps of a namespace: objects by group and version, kind, and name.
const budget = {
  apiVersion: "policy/v1",
  kind: "PodDisruptionBudget",
  metadata: { name: "shop", namespace: "web" },
  spec: { maxUnavailable: 1, selector: { matchLabels: { app: "shop" } } },
};
const inventory = (objects) => ({
  cluster: {},
  namespace: { web: { "policy/v1": { PodDisruptionBudget: objects } } },
});

test("the inventory tells what is there, and proves nothing absent", async () => {
  const policy = await load();
  const verdict = () => {
    const [{ result }] = policy.evaluate(review(sound), "ha/report");
    return result.findings.find((finding) => finding.rule === "budget-absent")?.verdict;
  };
  assert.equal(verdict(), "unknown");
  policy.setData({ inventory: inventory({}) });
  assert.equal(verdict(), "unknown");
  policy.setData({ inventory: inventory({ shop: budget }) });
  // A rule that passes is counted, not listed.
  assert.equal(verdict(), undefined);
  assert.deepEqual(policy.evaluate(review(sound), "ha/violation"), [{ result: [] }]);
});

test("data may be set and changed, and what is not of interest is ignored", async () => {
  const policy = await load();
  policy.setData({ inventory: {} });
  const first = policy.evaluate(review(fragile), 0);
  const others = { Node: {}, Secret: { token: { data: "c2VjcmV0" } } };
  policy.setData({ inventory: { cluster: { v1: others } }, filler: "x".repeat(100_000) });
  assert.deepEqual(policy.evaluate(review(fragile), 0), first);
});

test("an inventory of another form is an error, never an empty answer", async () => {
  const policy = await load();
  policy.setData({ inventory: { namespace: ["web"] } });
  assert.throws(() => policy.evaluate(review(fragile), 0));
});
