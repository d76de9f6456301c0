// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/baremetal/httpbasic"
	"github.com/gophercloud/gophercloud/v2/openstack/baremetal/noauth"
	"github.com/gophercloud/gophercloud/v2/openstack/baremetal/v1/nodes"
)

// checker counts checks and remembers those that failed. A part that cannot go on ends; the others still run.
type checker struct {
	ctx      context.Context
	where    string
	checks   int
	failures []string
}

// stop ends a part whose next calls would make no sense.
type stop struct{}

func (c *checker) part(name string, run func()) {
	c.where = name
	defer func() {
		if reason := recover(); reason != nil {
			if _, ok := reason.(stop); !ok {
				panic(reason)
			}
		}
	}()
	run()
}

func (c *checker) fail(format string, args ...any) {
	text := c.where + ": " + fmt.Sprintf(format, args...)
	if len(text) > 1000 {
		text = text[:1000] + " ..."
	}
	c.failures = append(c.failures, text)
}

// equal wants two values to be deeply equal.
func (c *checker) equal(what string, got, want any) {
	c.checks++
	if !reflect.DeepEqual(got, want) {
		c.fail("%s is %#v, not %#v", what, got, want)
	}
}

// holds wants a condition to be true; detail says what was seen.
func (c *checker) holds(what string, condition bool, detail ...any) {
	c.checks++
	if !condition {
		c.fail("%s does not hold %v", what, detail)
	}
}

// done wants a call to have succeeded, decoded, with exactly this status.
func (c *checker) done(what string, client *session, err error, status int) {
	c.checks++
	switch {
	case err != nil:
		c.fail("%s: %v", what, err)
	case client.answers.status != status:
		c.fail("%s answered %d, not %d", what, client.answers.status, status)
	}
}

// must is done, without which the part cannot go on.
func (c *checker) must(what string, client *session, err error, status int) {
	c.done(what, client, err, status)
	if err != nil {
		panic(stop{})
	}
}

// refused wants a call to have failed with this status and these words in its body.
func (c *checker) refused(what string, err error, status int, words ...string) {
	c.checks++
	var unexpected gophercloud.ErrUnexpectedResponseCode
	if !errors.As(err, &unexpected) {
		c.fail("%s was not refused with %d but gave %v", what, status, err)
		return
	}
	if unexpected.Actual != status {
		c.fail("%s was refused with %d, not %d: %s", what, unexpected.Actual, status, unexpected.Body)
	}
	for _, word := range words {
		if !strings.Contains(string(unexpected.Body), word) {
			c.fail("%s was refused without saying %q: %s", what, word, unexpected.Body)
		}
	}
}

// session is gophercloud's with the status of its last answer, since gophercloud takes any of several for success.
type session struct {
	*gophercloud.ServiceClient
	answers *recorder
}

type recorder struct {
	status int
	header http.Header
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(request)
	if err == nil {
		r.status, r.header = response.StatusCode, response.Header
	}
	return response, err
}

func observed(service *gophercloud.ServiceClient, version string) *session {
	answers := &recorder{}
	service.ProviderClient.HTTPClient = http.Client{Transport: answers, Timeout: 30 * time.Second}
	service.Microversion = version
	return &session{service, answers}
}

// open makes a client without credentials.
func open(c *checker, endpoint, version string) *session {
	service, err := noauth.NewBareMetalNoAuth(noauth.EndpointOpts{IronicEndpoint: endpoint + "/v1"})
	if err != nil {
		c.fail("noauth: %v", err)
		panic(stop{})
	}
	return observed(service, version)
}

// openAs makes a client that says who it is.
func openAs(c *checker, endpoint, version, user, password string) *session {
	service, err := httpbasic.NewBareMetalHTTPBasic(httpbasic.EndpointOpts{
		IronicEndpoint:     endpoint + "/v1",
		IronicUser:         user,
		IronicUserPassword: password,
	})
	if err != nil {
		c.fail("httpbasic: %v", err)
		panic(stop{})
	}
	return observed(service, version)
}

// hasFields wants every field that the struct decodes to be in the answer: absent ones would silently read as zero.
func (c *checker) hasFields(what string, body any, sample any, absent ...string) {
	object, ok := body.(map[string]any)
	if !ok {
		c.holds(what+" is an object", false, body)
		return
	}
	skip := map[string]bool{}
	for _, name := range absent {
		skip[name] = true
	}
	kind := reflect.TypeOf(sample)
	for i := 0; i < kind.NumField(); i++ {
		name := strings.Split(kind.Field(i).Tag.Get("json"), ",")[0]
		_, present := object[name]
		c.holds(fmt.Sprintf("%s: field %s present=%v", what, name, !skip[name]), present == !skip[name])
	}
}

// settled waits until nobody works on the node and it is in one of these provision states; the last one seen is returned.
func (c *checker) settled(client *session, id string, states ...nodes.ProvisionState) *nodes.Node {
	c.checks++
	deadline := time.Now().Add(30 * time.Second)
	for {
		node, err := nodes.Get(c.ctx, client.ServiceClient, id).Extract()
		if err != nil {
			c.fail("waiting for %v: %v", states, err)
			panic(stop{})
		}
		if node.Reservation == "" && node.TargetPowerState == "" {
			for _, state := range states {
				if node.ProvisionState == string(state) {
					return node
				}
			}
		}
		if time.Now().After(deadline) {
			c.fail("node %s is %q with target %q, not %v: %s", node.Name, node.ProvisionState, node.TargetProvisionState, states,
				node.LastError)
			panic(stop{})
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// provision asks for a verb, as operators do again while the node is locked.
func (c *checker) provision(client *session, id string, opts nodes.ProvisionStateOpts) {
	err := nodes.ChangeProvisionState(c.ctx, client.ServiceClient, id, opts).ExtractErr()
	c.must(string(opts.Target), client, err, 202)
	c.equal("Location", strings.HasSuffix(client.answers.header.Get("Location"), "/states"), true)
}

// to asks for a verb and waits for a state.
func (c *checker) to(client *session, id string, verb nodes.TargetProvisionState, state nodes.ProvisionState) *nodes.Node {
	c.provision(client, id, nodes.ProvisionStateOpts{Target: verb})
	return c.settled(client, id, state)
}

// fake makes a node of fake hardware with little said about it.
func (c *checker) fake(client *session, name string) *nodes.Node {
	node, err := nodes.Create(c.ctx, client.ServiceClient, nodes.CreateOpts{Driver: "fake-hardware", Name: name}).Extract()
	c.must("create "+name, client, err, 201)
	return node
}

func pointer[T any](value T) *T { return &value }
