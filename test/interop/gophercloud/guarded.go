// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/gophercloud/gophercloud/v2/openstack/baremetal/v1/nodes"
	"github.com/gophercloud/gophercloud/v2/openstack/baremetal/v1/ports"
)

// checkGuarded talks to a service that wants a password and deploys one node at a time, without ever getting done.
func checkGuarded(c *checker, endpoint, user, password string) {
	for what, client := range map[string]*session{
		"nobody":           open(c, endpoint, "1.109"),
		"a wrong password": openAs(c, endpoint, "1.109", user, "wrong"),
		"an unknown user":  openAs(c, endpoint, "1.109", "nobody", password),
	} {
		_, err := nodes.List(client.ServiceClient, nodes.ListOpts{}).AllPages(c.ctx)
		c.refused("listing as "+what, err, 401)
		_, err = nodes.Create(c.ctx, client.ServiceClient, full).Extract()
		c.refused("creating as "+what, err, 401)
		c.equal("challenge for "+what, client.answers.header.Get("Www-Authenticate"), `Basic realm="Baremetal API"`)
		_, err = client.Get(c.ctx, client.ServiceURL(), nil, nil)
		c.done("version document as "+what, client, err, 200)
	}
	client := openAs(c, endpoint, "1.109", user, password)
	c.equal("nodes", len(nodesBy(c, client, nodes.ListOpts{})), 0)
	var ids []string
	for _, name := range []string{"metal3~first", "metal3~second"} {
		node := c.fake(client, name)
		c.to(client, node.UUID, nodes.TargetManage, nodes.Manageable)
		c.to(client, node.UUID, nodes.TargetProvide, nodes.Available)
		ids = append(ids, node.UUID)
	}
	active := nodes.ProvisionStateOpts{Target: nodes.TargetActive}
	c.provision(client, ids[0], active)
	node, err := nodes.Get(c.ctx, client.ServiceClient, ids[0]).Extract()
	c.must("get node at work", client, err, 200)
	c.equal("node at work", []any{node.ProvisionState, node.TargetProvisionState}, []any{"deploying", "active"})
	c.holds("somebody works on it", node.Reservation != "", node.Reservation)

	c.refused("a second deployment", nodes.ChangeProvisionState(c.ctx, client.ServiceClient, ids[1], active).ExtractErr(), 503)
	c.refused("a verb for a node at work", nodes.ChangeProvisionState(c.ctx, client.ServiceClient, ids[0],
		nodes.ProvisionStateOpts{Target: nodes.TargetDeleted}).ExtractErr(), 409)
	_, err = nodes.Update(c.ctx, client.ServiceClient, ids[0], nodes.UpdateOpts{
		nodes.UpdateOperation{Op: nodes.AddOp, Path: "/extra/a", Value: 1}}).Extract()
	c.refused("updating a node at work", err, 409)
	_, err = ports.Create(c.ctx, client.ServiceClient, ports.CreateOpts{NodeUUID: ids[0], Address: "52:54:00:0c:00:01"}).Extract()
	c.done("a port for a node at work", client, err, 201)
	c.refused("power of a node at work", nodes.ChangePowerState(c.ctx, client.ServiceClient, ids[0],
		nodes.PowerStateOpts{Target: nodes.PowerOff}).ExtractErr(), 409)
	c.refused("deleting a node at work", nodes.Delete(c.ctx, client.ServiceClient, ids[0]).ExtractErr(), 409)
}
