package ct_test

import (
	"strings"
	"testing"

	"github.com/herald-net/herald/node/ct"
)

func TestRetractionValidate(t *testing.T) {
	for _, reason := range []string{"mistaken-identity", "purpose-achieved", "court-order", "unlawful", "acquitted", "deceased", "error"} {
		r := ct.Retraction{Reason: reason, Text: "first line\nsecond"}
		if f := r.Validate(); f != nil {
			t.Errorf("%s: %v", reason, f)
		}
	}
	for _, tt := range []struct {
		r            ct.Retraction
		field, fault string
	}{
		{ct.Retraction{}, "reason", ct.FaultMissing},
		{ct.Retraction{Reason: "regret"}, "reason", ct.FaultCode},
		{ct.Retraction{Reason: "error", Text: strings.Repeat("x", 2001)}, "text", ct.FaultTooLong},
		{ct.Retraction{Reason: "error", Text: "\x1b[2J"}, "text", ct.FaultText},
	} {
		if f := tt.r.Validate(); len(f) != 1 || !f.Has(tt.field, tt.fault) {
			t.Errorf("got %v, want %s: %s", f, tt.field, tt.fault)
		}
	}
}

func TestAddressesValidate(t *testing.T) {
	good := []string{
		"/ip4/192.0.2.1/tcp/4001", "/ip4/192.0.2.1/udp/4001/quic-v1", "/ip6/2001:db8::1/udp/1/quic-v1",
		"/dns4/node.ct.example/tcp/65535", "/dns/node.example/udp/443/quic-v1", "/ip4/127.0.0.1/tcp/1",
	}
	a := ct.Addresses{Serial: 1, Addrs: good}
	if f := a.Validate(); f != nil {
		t.Errorf("good addresses: %v", f)
	}
	if f := (&ct.Addresses{Serial: 1}).Validate(); f != nil {
		t.Errorf("no address: %v", f)
	}
	for _, s := range []string{
		"", "/", "192.0.2.1:4001", "/ip4/192.0.2.1", "/ip4/192.0.2.1/tcp", "/ip4/192.0.2.1/tcp/0", "/ip4/192.0.2.1/tcp/65536",
		"/ip4/192.0.2.1/tcp/04001", "/ip4/192.0.2.1/tcp/+1", "/ip4/192.0.2.1/udp/4001", "/ip4/192.0.2.1/udp/4001/quic",
		"/ip4/2001:db8::1/tcp/1", "/ip6/192.0.2.1/tcp/1", "/ip6/fe80::1%eth0/tcp/1", "/ip4/192.0.2.256/tcp/1",
		"/dns4//tcp/1", "/dns4/a b/tcp/1", "/unix/x/tcp/1", "/ip4/192.0.2.1/tcp/4001/ws", "/ip4/192.0.2.1/tcp/1/",
		"/ip4/192.0.2.1/tcp/1\x1b",
	} {
		a := ct.Addresses{Serial: 1, Addrs: []string{good[0], s}}
		if f := a.Validate(); !f.Has("addrs[1]", ct.FaultAddr) {
			t.Errorf("%q: got %v, want %s", s, f, ct.FaultAddr)
		}
	}
	for _, tt := range []struct {
		a            ct.Addresses
		field, fault string
	}{
		{ct.Addresses{}, "serial", ct.FaultMissing},
		{ct.Addresses{Serial: 1, Addrs: make([]string, 9)}, "addrs", ct.FaultTooMany},
		{ct.Addresses{Serial: 1, Addrs: []string{good[0], good[0]}}, "addrs[1]", ct.FaultDuplicate},
		{ct.Addresses{Serial: 1, Addrs: []string{"/dns4/" + strings.Repeat("a", 256) + "/tcp/1"}}, "addrs[0]", ct.FaultTooLong},
	} {
		if f := tt.a.Validate(); len(f) != 1 || !f.Has(tt.field, tt.fault) {
			t.Errorf("got %v, want %s: %s", f, tt.field, tt.fault)
		}
	}
}

func TestDelegationValidate(t *testing.T) {
	const day = ct.Millis(24 * 60 * 60 * 1000)
	start := ct.MillisOf(now)
	base := ct.Delegation{State: "UTO", Serial: 1, Node: ct.LogID{1}, NotBefore: start, NotAfter: start + 400*day, Roles: []string{"node"}, Proof: make([]byte, 64)}
	if f := base.Validate(); f != nil {
		t.Fatalf("the base case: %v", f)
	}
	tests := []struct {
		name         string
		edit         func(d *ct.Delegation)
		field, fault string
	}{
		{"no State", func(d *ct.Delegation) { d.State = "" }, "state", ct.FaultMissing},
		{"unknown State", func(d *ct.Delegation) { d.State = "ZZZ" }, "state", ct.FaultState},
		{"organisation", func(d *ct.Delegation) { d.State = "XPO" }, "state", ct.FaultMembership},
		{"no serial", func(d *ct.Delegation) { d.Serial = 0 }, "serial", ct.FaultMissing},
		{"no node", func(d *ct.Delegation) { d.Node = ct.LogID{} }, "node", ct.FaultMissing},
		{"no proof", func(d *ct.Delegation) { d.Proof = nil }, "proof", ct.FaultMissing},
		{"short proof", func(d *ct.Delegation) { d.Proof = d.Proof[1:] }, "proof", ct.FaultForm},
		{"no beginning", func(d *ct.Delegation) { d.NotBefore, d.NotAfter = 0, day }, "not_before", ct.FaultRange},
		{"ends before it begins", func(d *ct.Delegation) { d.NotAfter = d.NotBefore }, "not_after", ct.FaultOrder},
		{"longer than 400 days", func(d *ct.Delegation) { d.NotAfter++ }, "not_after", ct.FaultRange},
		{"nine roles", func(d *ct.Delegation) { d.Roles = make([]string, 9) }, "roles", ct.FaultTooMany},
		{"role in capitals", func(d *ct.Delegation) { d.Roles = []string{"Node"} }, "roles[0]", ct.FaultForm},
		{"role twice", func(d *ct.Delegation) { d.Roles = []string{"node", "node"} }, "roles[1]", ct.FaultDuplicate},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := base
			tt.edit(&d)
			if f := d.Validate(); len(f) != 1 || !f.Has(tt.field, tt.fault) {
				t.Errorf("got %v, want %s: %s", f, tt.field, tt.fault)
			}
		})
	}
}
