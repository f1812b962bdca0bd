// The built-in policy, as OPA itself sees it: a bundle with a WebAssembly module, which Go's engine asks for its
// answers as Rego values and copies into as many instances as it has callers.
//
// Run by `cargo xtask test` with `-tags opa_wasm`, after `cargo xtask wasm`.
package engine

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"os"
	"reflect"
	"sync"
	"testing"

	"github.com/open-policy-agent/opa/v1/bundle"
	_ "github.com/open-policy-agent/opa/v1/features/wasm"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

const module = "../../../target/policies/baseline.opa.wasm"

const manifest = `{"roots": ["ha"], "wasm": [
	{"entrypoint": "ha/violation", "module": "/policy.wasm"},
	{"entrypoint": "ha/report", "module": "/policy.wasm"}]}`

type object = map[string]any
type list = []any

// policyBundle is the module as OPA takes it: OPA loads no module that is not part of a bundle.
func policyBundle(t *testing.T) *bundle.Bundle {
	t.Helper()
	wasm, err := os.ReadFile(module)
	if err != nil {
		t.Fatalf("the built-in policy is missing, run `cargo xtask wasm`: %v", err)
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	archive := tar.NewWriter(zip)
	for name, contents := range map[string][]byte{"/.manifest": []byte(manifest), "/policy.wasm": wasm} {
		header := &tar.Header{Name: name, Mode: 0o600, Size: int64(len(contents))}
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write(contents); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	read, err := bundle.NewReader(&packed).Read()
	if err != nil {
		t.Fatal(err)
	}
	return &read
}

// prepared is a question to the policy, with this data beside it in the store.
func prepared(t *testing.T, question string, data object) rego.PreparedEvalQuery {
	t.Helper()
	ctx := context.Background()
	store := inmem.NewFromObject(data)
	txn, err := store.NewTransaction(ctx, storage.WriteParams)
	if err != nil {
		t.Fatal(err)
	}
	query, err := rego.New(
		rego.Query(question),
		rego.Store(store),
		rego.Transaction(txn),
		rego.ParsedBundle("ha", policyBundle(t)),
	).PrepareForEval(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Commit(ctx, txn); err != nil {
		t.Fatal(err)
	}
	return query
}

// ask gives the one value of a question's answer, as plain JSON.
func ask(t *testing.T, query rego.PreparedEvalQuery, input any) any {
	t.Helper()
	results, err := query.Eval(context.Background(), rego.EvalInput(input))
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 1 || len(results[0].Expressions) != 1 {
		t.Fatalf("not one result: %v", results)
	}
	text, err := json.Marshal(results[0].Expressions[0].Value)
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

func deployment(replicas int, spec object, container object) object {
	container["name"], container["image"] = "shop", "registry.example/shop:1.4.2"
	container["resources"] = object{"requests": object{"cpu": "100m", "memory": "128Mi"}}
	spec["containers"] = list{container}
	labels := object{"app": "shop"}
	return object{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": object{"name": "shop", "namespace": "web", "labels": labels},
		"spec": object{
			"replicas": replicas,
			"selector": object{"matchLabels": labels},
			"template": object{"metadata": object{"labels": labels}, "spec": spec},
		},
	}
}

func fragile() object { return deployment(1, object{}, object{}) }

func sound() object {
	spread := func(key string) object {
		return object{
			"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule",
			"labelSelector":  object{"matchLabels": object{"app": "shop"}},
			"matchLabelKeys": list{"pod-template-hash"},
		}
	}
	spreads := list{spread("kubernetes.io/hostname"), spread("topology.kubernetes.io/zone")}
	probe := object{"httpGet": object{"path": "/ready", "port": 8080}, "periodSeconds": 5}
	container := object{"ports": list{object{"containerPort": 8080}}, "readinessProbe": probe}
	return deployment(3, object{"topologySpreadConstraints": spreads}, container)
}

func review(reviewed object) object {
	return object{"parameters": object{}, "review": object{"uid": "1", "operation": "CREATE", "object": reviewed}}
}

// verdictOf finds a rule in the answer of ha/report; empty when the rule has nothing to say.
func verdictOf(report any, rule string) any {
	for _, finding := range report.(object)["findings"].(list) {
		if finding.(object)["rule"] == rule {
			return finding.(object)["verdict"]
		}
	}
	return ""
}

func TestAFragileDeploymentIsAViolationAndASoundOneIsNot(t *testing.T) {
	query := prepared(t, "data.ha.violation", object{})
	violations := ask(t, query, review(fragile())).(list)
	found := false
	for _, violation := range violations {
		details := violation.(object)["details"].(object)
		found = found || details["rule"] == "single-replica"
		if details["verdict"] != "fail" || violation.(object)["msg"] == "" {
			t.Errorf("not a violation in Gatekeeper's form: %v", violation)
		}
	}
	if !found {
		t.Errorf("single-replica is not among %v", violations)
	}
	if violations := ask(t, query, review(sound())).(list); len(violations) != 0 {
		t.Errorf("a sound Deployment has violations: %v", violations)
	}
}

func TestARequestIsAnsweredWithItsUID(t *testing.T) {
	query := prepared(t, "data.ha.violation", object{})
	answer := ask(t, query, object{"request": object{"uid": "42", "operation": "CREATE", "object": fragile()}})
	response := answer.(object)["response"].(object)
	if response["uid"] != "42" || response["allowed"] != false {
		t.Errorf("the response is %v", response)
	}
}

func TestWhatIsNotAReviewIsAnErrorNeverAnEmptyAnswer(t *testing.T) {
	query := prepared(t, "data.ha.violation", object{})
	inputs := list{object{}, object{"review": 1}, list{}, "text"}
	for _, input := range inputs {
		results, err := query.Eval(context.Background(), rego.EvalInput(input))
		if err == nil {
			t.Errorf("%v was answered: %v", input, results)
		}
	}
}

// The engine keeps data in the module's memory and copies that memory into new instances.
func TestTheInventoryTellsWhatIsThereAndProvesNothingAbsent(t *testing.T) {
	budget := object{
		"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
		"metadata": object{"name": "shop", "namespace": "web"},
		"spec":     object{"maxUnavailable": 1, "selector": object{"matchLabels": object{"app": "shop"}}},
	}
	inventory := func(budgets object) object {
		kinds := object{"policy/v1": object{"PodDisruptionBudget": budgets}}
		return object{"inventory": object{"cluster": object{}, "namespace": object{"web": kinds}}}
	}
	cases := []struct {
		data object
		want string
	}{
		{object{}, "unknown"},
		{inventory(object{}), "unknown"},
		{inventory(object{"shop": budget}), ""},
	}
	for _, one := range cases {
		report := ask(t, prepared(t, "data.ha.report", one.data), review(sound()))
		if got := verdictOf(report, "budget-absent"); got != one.want {
			t.Errorf("budget-absent is %q with %v, not %q", got, one.data, one.want)
		}
	}
}

func TestManyCallersGetTheSameAnswers(t *testing.T) {
	query := prepared(t, "data.ha.violation", object{"inventory": object{}})
	inputs := []object{review(fragile()), review(sound())}
	want := []any{ask(t, query, inputs[0]), ask(t, query, inputs[1])}
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() {
			for round := range 50 {
				which := (caller + round) % 2
				results, err := query.Eval(context.Background(), rego.EvalInput(inputs[which]))
				if err != nil {
					t.Errorf("caller %d: %v", caller, err)
					return
				}
				text, _ := json.Marshal(results[0].Expressions[0].Value)
				var got any
				if json.Unmarshal(text, &got) != nil || !reflect.DeepEqual(got, want[which]) {
					t.Errorf("caller %d got another answer: %s", caller, text)
				}
			}
		})
	}
	callers.Wait()
}
