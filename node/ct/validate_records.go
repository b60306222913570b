package ct

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Limits of the records that are no notifications.
const (
	MaxAddrs      = 8
	MaxAddrLen    = 256
	MaxDelegation = 400 * 24 * time.Hour
	proofSize     = 64 // bytes of an Ed25519 signature
	MaxRoles      = 8
	MaxClosing    = 256 // bytes of the text of a closing
)

// Validate gives everything that makes r unfit to publish.
func (r *Retraction) Validate() Faults {
	c := checker{}
	c.mustCode("reason", r.Reason, retractCodes)
	c.text("text", r.Text, MaxText, true)
	return c.faults
}

// Validate gives everything that makes a unfit to publish. A node that is
// only ever dialled out of has no address; its list is empty.
func (a *Addresses) Validate() Faults {
	c := checker{}
	if a.Serial == 0 {
		c.fault("serial", FaultMissing)
	}
	if c.count("addrs", len(a.Addrs), MaxAddrs) {
		for i, s := range a.Addrs {
			switch {
			case len(s) > MaxAddrLen:
				c.faultAt("addrs", i, FaultTooLong)
			case !validAddr(s):
				c.faultAt("addrs", i, FaultAddr)
			case codes(a.Addrs[:i]).has(s):
				c.faultAt("addrs", i, FaultDuplicate)
			}
		}
	}
	return c.faults
}

// validAddr accepts what a node can dial: an IP address or a DNS name, and TCP
// or QUIC over UDP. The network layer parses the multiaddr once more.
func validAddr(s string) bool {
	p := strings.Split(s, "/")
	if len(p) < 5 || p[0] != "" {
		return false
	}
	switch proto, host := p[1], p[2]; proto {
	case "ip4", "ip6":
		a, err := netip.ParseAddr(host)
		if err != nil || a.Zone() != "" || a.Is4() != (proto == "ip4") {
			return false
		}
	case "dns", "dns4", "dns6":
		if !shaped(host, 1, 253, hostSet) {
			return false
		}
	default:
		return false
	}
	port, err := strconv.ParseUint(p[4], 10, 16)
	if err != nil || port == 0 || strconv.FormatUint(port, 10) != p[4] {
		return false
	}
	switch p[3] {
	case "tcp":
		return len(p) == 5
	case "udp":
		return len(p) == 6 && p[5] == "quic-v1"
	}
	return false
}

// Validate gives everything that makes d unfit to sign.
func (d *Delegation) Validate() Faults {
	c := checker{}
	switch row, ok := LookupState(d.State); {
	case d.State == "":
		c.fault("state", FaultMissing)
	case !ok:
		c.fault("state", FaultState)
	case row.Status == StatusICAO && d.State != "UTO":
		c.fault("state", FaultMembership)
	}
	if d.Serial == 0 {
		c.fault("serial", FaultMissing)
	}
	if d.Node.IsZero() {
		c.fault("node", FaultMissing)
	}
	switch len(d.Proof) {
	case proofSize:
	case 0:
		c.fault("proof", FaultMissing)
	default:
		c.fault("proof", FaultForm)
	}
	if d.NotBefore <= 0 {
		c.fault("not_before", FaultRange)
	}
	switch {
	case d.NotAfter <= d.NotBefore:
		c.fault("not_after", FaultOrder)
	case d.NotAfter-d.NotBefore > Millis(MaxDelegation/time.Millisecond):
		c.fault("not_after", FaultRange)
	}
	if c.count("roles", len(d.Roles), MaxRoles) {
		for i, r := range d.Roles {
			if !shaped(r, 1, 32, roleSet) {
				c.faultAt("roles", i, FaultForm)
			} else if codes(d.Roles[:i]).has(r) {
				c.faultAt("roles", i, FaultDuplicate)
			}
		}
	}
	return c.faults
}

// Validate gives everything that makes r unfit to sign.
func (r *Renewal) Validate() Faults {
	c := checker{}
	if r.Node.IsZero() {
		c.fault("node", FaultMissing)
	}
	if r.NotAfter <= 0 {
		c.fault("not_after", FaultRange)
	}
	return c.faults
}

// Validate gives everything that makes k unfit to sign.
func (k *Closing) Validate() Faults {
	c := checker{}
	if k.Log.IsZero() {
		c.fault("log", FaultMissing)
	}
	if k.ID.IsZero() {
		c.fault("id", FaultMissing)
	}
	c.mustCode("reason", k.Reason, closeCodes)
	c.text("text", k.Text, MaxClosing, true)
	if k.Since < 0 {
		c.fault("since", FaultRange)
	}
	return c.faults
}
