// SPDX-License-Identifier: Apache-2.0

// Command gophercloud talks to a bare-metal service as Metal3's baremetal-operator does: through gophercloud, whose decoding is
// strict. It checks every success code, every decoded field and the status of every refusal, and says what was not as expected.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	endpoint := flag.String("endpoint", "", "URL of a service without authentication, without /v1")
	guarded := flag.String("guarded", "", "URL of a service with http_basic that deploys one node at a time and takes longer than this program")
	user := flag.String("user", "", "user of the guarded service")
	password := flag.String("password", "", "the user's password")
	flag.Parse()

	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	c := &checker{ctx: ctx}
	for _, part := range []struct {
		name string
		run  func()
	}{
		{"versions", func() { checkVersions(c, *endpoint) }},
		{"drivers", func() { checkDrivers(c, *endpoint) }},
		{"nodes", func() { checkNodes(c, *endpoint) }},
		{"ports", func() { checkPorts(c, *endpoint) }},
		{"power", func() { checkPower(c, *endpoint) }},
		{"management", func() { checkManagement(c, *endpoint) }},
		{"provisioning", func() { checkProvisioning(c, *endpoint) }},
		{"allocations", func() { checkAllocations(c, *endpoint) }},
		{"operator", func() { checkOperator(c, *endpoint) }},
		{"guarded", func() { checkGuarded(c, *guarded, *user, *password) }},
	} {
		c.part(part.name, part.run)
	}
	for _, failure := range c.failures {
		fmt.Fprintln(os.Stderr, failure)
	}
	fmt.Printf("{\"checks\": %d, \"failures\": %d}\n", c.checks, len(c.failures))
	if len(c.failures) > 0 {
		os.Exit(1)
	}
}
