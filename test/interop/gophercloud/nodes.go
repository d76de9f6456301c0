// SPDX-License-Identifier: Apache-2.0

package main

import (
	"reflect"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/baremetal/v1/nodes"
)

// full is a node with everything that operators send.
var full = nodes.CreateOpts{
	AutomatedClean: pointer(false), BIOSInterface: "fake", BootInterface: "fake", ConsoleInterface: "fake", DeployInterface: "fake",
	Driver: "fake-hardware", DriverInfo: map[string]any{"deploy_kernel": "http://images/kernel", "fake_password": "geheim"},
	Extra: map[string]any{"rack": map[string]any{"row": float64(7)}}, FirmwareInterface: "fake", InspectInterface: "fake",
	ManagementInterface: "fake", Name: "metal3~host-0.full_1", NetworkInterface: "noop",
	NetworkData: map[string]any{"links": []any{}, "networks": []any{}, "services": []any{}}, Owner: "somebody", PowerInterface: "fake",
	Properties:    map[string]any{"capabilities": "boot_mode:uefi,secure_boot:true", "cpu_arch": "x86_64", "root_device": map[string]any{"name": "/dev/sda"}},
	RAIDInterface: "fake", RescueInterface: "fake", ResourceClass: "gold", StorageInterface: "noop",
	UUID: "6d1a4a4e-6f0e-4b8c-9c0e-5b1d3a1f0c01", VendorInterface: "fake", DisablePowerOff: pointer(true),
}

// checkNodes creates, lists, reads, updates and deletes nodes.
func checkNodes(c *checker, endpoint string) {
	client := open(c, endpoint, "1.109")
	created := nodes.Create(c.ctx, client.ServiceClient, full)
	node, err := created.Extract()
	c.must("create node with everything", client, err, 201)
	c.hasFields("created node", created.Body, nodes.Node{})
	recent(c, "created_at", node.CreatedAt)
	expected := nodes.Node{
		UUID: full.UUID, Name: full.Name, ProvisionState: "enroll", Driver: "fake-hardware",
		DriverInfo:         map[string]any{"deploy_kernel": "http://images/kernel", "fake_password": "******"},
		DriverInternalInfo: map[string]any{}, Properties: full.Properties, InstanceInfo: map[string]any{}, Extra: full.Extra,
		RAIDConfig: map[string]any{}, TargetRAIDConfig: map[string]any{}, CleanStep: map[string]any{}, DeployStep: map[string]any{},
		ServiceStep: map[string]any{}, ResourceClass: "gold", BIOSInterface: "fake", BootInterface: "fake", ConsoleInterface: "fake",
		DeployInterface: "fake", FirmwareInterface: "fake", InspectInterface: "fake", ManagementInterface: "fake",
		NetworkInterface: "noop", PowerInterface: "fake", RAIDInterface: "fake", RescueInterface: "fake", StorageInterface: "noop",
		VendorInterface: "fake", Traits: []string{}, Owner: "somebody", NetworkData: full.NetworkData, AutomatedClean: pointer(false),
		DisablePowerOff: true, Conductor: node.Conductor, CreatedAt: node.CreatedAt, Links: node.Links, Ports: node.Ports,
		PortGroups: node.PortGroups, States: node.States, Volume: node.Volume,
	}
	equalNodes(c, "created node", *node, expected)
	c.holds("a conductor serves the node", node.Conductor != "")
	for name, links := range map[string][]nodes.Link{"": node.Links, "/ports": node.Ports, "/portgroups": node.PortGroups,
		"/states": node.States, "/volume": node.Volume} {
		c.equal("links of node"+name, links, []nodes.Link{
			{Href: endpoint + "/v1/nodes/" + full.UUID + name, Rel: "self"},
			{Href: endpoint + "/nodes/" + full.UUID + name, Rel: "bookmark"},
		})
	}
	for _, id := range []string{full.UUID, full.Name} {
		got, err := nodes.Get(c.ctx, client.ServiceClient, id).Extract()
		c.must("get "+id, client, err, 200)
		expected.CreatedAt = got.CreatedAt
		equalNodes(c, "node "+id, *got, expected)
	}
	_, err = nodes.Get(c.ctx, client.ServiceClient, "metal3~nope").Extract()
	c.refused("unknown node", err, 404, "metal3~nope")
	_, err = nodes.Get(c.ctx, client.ServiceClient, "a b").Extract()
	c.refused("no name at all", err, 400)

	refuse := func(what string, status int, change func(*nodes.CreateOpts)) {
		opts := nodes.CreateOpts{Driver: "fake-hardware"}
		change(&opts)
		_, err := nodes.Create(c.ctx, client.ServiceClient, opts).Extract()
		c.refused(what, err, status)
	}
	refuse("a known UUID", 409, func(opts *nodes.CreateOpts) { opts.UUID = full.UUID })
	refuse("a known name", 409, func(opts *nodes.CreateOpts) { opts.Name = full.Name })
	refuse("an unknown driver", 400, func(opts *nodes.CreateOpts) { opts.Driver = "nope" })
	refuse("an unknown interface", 400, func(opts *nodes.CreateOpts) { opts.DeployInterface = "nope" })
	refuse("an impossible name", 400, func(opts *nodes.CreateOpts) { opts.Name = "metal3/host" })
	refuse("an unserved conductor group", 400, func(opts *nodes.CreateOpts) { opts.ConductorGroup = "far" })

	// How the operator counts who is busy.
	listed := nodesBy(c, client, nodes.ListOpts{Fields: []string{"uuid", "name", "provision_state", "boot_interface"},
		ResourceClass: "gold"})
	c.equal("nodes by fields", len(listed), 1)
	c.equal("node by fields", []any{listed[0].UUID, listed[0].Name, listed[0].ProvisionState, listed[0].BootInterface,
		listed[0].Driver}, []any{full.UUID, full.Name, "enroll", "fake", ""})
	other := c.fake(client, "metal3~other")
	for what, expected := range map[string]struct {
		opts  nodes.ListOpts
		count int
	}{
		"all":               {nodes.ListOpts{SortKey: "name", SortDir: "desc"}, 2},
		"by state":          {nodes.ListOpts{ProvisionState: nodes.Enroll}, 2},
		"by another state":  {nodes.ListOpts{ProvisionState: nodes.Active}, 0},
		"by driver":         {nodes.ListOpts{Driver: "fake-hardware"}, 2},
		"by owner":          {nodes.ListOpts{Owner: "somebody"}, 1},
		"in maintenance":    {nodes.ListOpts{Maintenance: true}, 0},
		"with an instance":  {nodes.ListOpts{Associated: true}, 0},
		"by fault":          {nodes.ListOpts{Fault: "power failure"}, 0},
		"after the first":   {nodes.ListOpts{Marker: full.UUID, Limit: 1}, 1},
		"of other class":    {nodes.ListOpts{ResourceClass: "silver"}, 0},
		"by unset instance": {nodes.ListOpts{InstanceUUID: other.UUID}, 0},
	} {
		c.equal("nodes "+what, len(nodesBy(c, client, expected.opts)), expected.count)
	}
	page, err := nodes.ListDetail(client.ServiceClient, nodes.ListOpts{Owner: "somebody"}).AllPages(c.ctx)
	c.must("list nodes in detail", client, err, 200)
	detailed, err := nodes.ExtractNodes(page)
	c.equal("nodes in detail", []any{len(detailed), err}, []any{1, nil})
	equalNodes(c, "node in detail", detailed[0], expected)
	for what, opts := range map[string]nodes.ListOpts{
		"an unknown field":    {Fields: []string{"nope"}},
		"an unknown state":    {ProvisionState: "nope"},
		"an unknown fault":    {Fault: "nope"},
		"an unsortable field": {SortKey: "nope"},
		"a direction of none": {SortDir: "nope"},
		"no number of nodes":  {Limit: -1},
		"no marker":           {Marker: "nope"},
	} {
		_, err = nodes.List(client.ServiceClient, opts).AllPages(c.ctx)
		c.refused("listing by "+what, err, 400)
	}
	_, err = nodes.List(client.ServiceClient, nodes.ListOpts{Marker: "6d1a4a4e-6f0e-4b8c-9c0e-5b1d3a1f0c99"}).AllPages(c.ctx)
	c.refused("listing after an unknown node", err, 404)

	checkUpdates(c, client, expected)
	for _, id := range []string{full.UUID, other.Name} {
		err = nodes.Delete(c.ctx, client.ServiceClient, id).ExtractErr()
		c.done("delete "+id, client, err, 204)
		err = nodes.Delete(c.ctx, client.ServiceClient, id).ExtractErr()
		c.refused("deleting it again", err, 404)
	}
}

// checkUpdates patches single keys, whole fields, and fields that are null already.
func checkUpdates(c *checker, client *session, expected nodes.Node) {
	add := func(path string, value any) nodes.Patch {
		return nodes.UpdateOperation{Op: nodes.AddOp, Path: path, Value: value}
	}
	remove := func(path string) nodes.Patch { return nodes.UpdateOperation{Op: nodes.RemoveOp, Path: path} }
	update := func(what string, operations ...nodes.Patch) *nodes.Node {
		node, err := nodes.Update(c.ctx, client.ServiceClient, full.UUID, operations).Extract()
		c.must(what, client, err, 200)
		recent(c, "updated_at", node.UpdatedAt)
		return node
	}
	node := update("single keys", add("/driver_info/deploy_ramdisk", "http://images/ramdisk"), remove("/driver_info/deploy_kernel"),
		add("/instance_info/image_source", "http://images/disk"), add("/instance_info/capabilities", map[string]any{"boot_mode": "bios"}),
		add("/properties/capabilities", "boot_mode:bios"), remove("/properties/root_device"), remove("/extra/rack/row"))
	expected.DriverInfo = map[string]any{"deploy_ramdisk": "http://images/ramdisk", "fake_password": "******"}
	expected.InstanceInfo = map[string]any{"image_source": "http://images/disk", "capabilities": map[string]any{"boot_mode": "bios"}}
	expected.Properties = map[string]any{"capabilities": "boot_mode:bios", "cpu_arch": "x86_64"}
	expected.Extra = map[string]any{"rack": map[string]any{}}
	expected.UpdatedAt = node.UpdatedAt
	equalNodes(c, "node with other keys", *node, expected)

	node = update("whole fields", add("/automated_clean", true), add("/name", "metal3~renamed"), add("/disable_power_off", false),
		add("/instance_uuid", "0b6f7d5e-3c7b-4c36-8a29-1c3b8d0f4a01"), add("/deploy_interface", "noop"),
		nodes.UpdateOperation{Op: nodes.ReplaceOp, Path: "/driver_info", Value: map[string]any{"fake_password": "other"}},
		add("/description", "in the cellar"), add("/network_data", map[string]any{"links": []any{}, "networks": []any{}, "services": []any{}}))
	c.equal("whole fields", []any{*node.AutomatedClean, node.Name, node.DisablePowerOff, node.InstanceUUID, node.DeployInterface,
		node.DriverInfo, node.Description, node.NetworkData}, []any{true, "metal3~renamed", false,
		"0b6f7d5e-3c7b-4c36-8a29-1c3b8d0f4a01", "noop", map[string]any{"fake_password": "******"}, "in the cellar",
		map[string]any{"links": []any{}, "networks": []any{}, "services": []any{}}})

	for range [2]struct{}{} { // The second time they are null already.
		node = update("remove fields", remove("/automated_clean"), remove("/name"), remove("/instance_uuid"), remove("/deploy_interface"),
			remove("/instance_info"), remove("/network_data"), remove("/description"), remove("/extra"), remove("/owner"),
			remove("/resource_class"), remove("/conductor_group"), remove("/disable_power_off"))
		c.equal("removed fields", []any{node.AutomatedClean, node.Name, node.InstanceUUID, node.InstanceInfo, node.NetworkData,
			node.Description, node.Extra, node.Owner, node.ResourceClass, node.ConductorGroup, node.DisablePowerOff},
			[]any{(*bool)(nil), "", "", map[string]any{}, map[string]any{}, "", map[string]any{}, "", "", "", false})
	}
	checkRareFields(c, client, update, add)
	update("nothing")
	for what, refusal := range map[string]struct {
		operation nodes.Patch
		status    int
	}{
		"a missing key":        {remove("/driver_info/nope"), 400},
		"a read-only field":    {add("/provision_state", "active"), 400},
		"an unknown field":     {add("/nope", 1), 400},
		"a wrong type":         {add("/properties", "text"), 400},
		"the driver":           {remove("/driver"), 400},
		"an unknown driver":    {add("/driver", "nope"), 400},
		"an unknown interface": {add("/boot_interface", "nope"), 400},
		"a taken name":         {add("/name", "metal3~other"), 409},
		"protection":           {add("/protected", true), 409},
		"without a value":      {add("/description", nil), 400},
	} {
		_, err := nodes.Update(c.ctx, client.ServiceClient, full.UUID, nodes.UpdateOpts{refusal.operation}).Extract()
		c.refused("patching "+what, err, refusal.status)
	}
	_, err := nodes.Update(c.ctx, client.ServiceClient, "metal3~nope", nodes.UpdateOpts{}).Extract()
	c.refused("patching an unknown node", err, 404)
}

// checkRareFields sets what operators seldom do, for its decoding; some of it gophercloud has no package for.
func checkRareFields(c *checker, client *session, update func(string, ...nodes.Patch) *nodes.Node,
	add func(string, any) nodes.Patch) {
	var chassis struct {
		UUID  string `json:"uuid"`
		Nodes any    `json:"nodes"`
	}
	_, err := client.Post(c.ctx, client.ServiceURL("chassis"), map[string]any{"description": "rack 3"}, &chassis, nil)
	c.must("create chassis", client, err, 201)
	_, err = client.Put(c.ctx, client.ServiceURL("nodes", full.UUID, "traits"), map[string]any{"traits": []string{"CUSTOM_B", "CUSTOM_A"}},
		nil, &gophercloud.RequestOpts{OkCodes: []int{204}})
	c.done("set traits", client, err, 204)
	parent, err := nodes.Get(c.ctx, client.ServiceClient, "metal3~other").Extract()
	c.must("get parent", client, err, 200)
	node := update("rare fields", add("/chassis_uuid", chassis.UUID), add("/lessee", "tenant"), add("/shard", "s1"), add("/retired", true),
		add("/retired_reason", "old"), add("/parent_node", parent.UUID), add("/extra", map[string]any{"list": []any{1, "a", nil}}))
	c.equal("rare fields", []any{node.ChassisUUID, node.Lessee, node.Shard, node.Retired, node.RetiredReason, node.ParentNode, node.Extra},
		[]any{chassis.UUID, "tenant", "s1", true, "old", parent.UUID, map[string]any{"list": []any{float64(1), "a", nil}}})
	c.equal("number of traits", len(node.Traits), 2)
	c.holds("traits", contains(node.Traits, "CUSTOM_A") && contains(node.Traits, "CUSTOM_B"), node.Traits)
	c.equal("nodes of the chassis", len(nodesBy(c, client, nodes.ListOpts{ChassisUUID: chassis.UUID})), 0) // Children are not listed.
	remove := func(path string) nodes.Patch { return nodes.UpdateOperation{Op: nodes.RemoveOp, Path: path} }
	update("a parent no more", remove("/parent_node"))
	c.equal("nodes of the chassis", len(nodesBy(c, client, nodes.ListOpts{ChassisUUID: chassis.UUID})), 1)
	_, err = client.Delete(c.ctx, client.ServiceURL("chassis", chassis.UUID), nil)
	c.refused("deleting a chassis with nodes", err, 400)
	node = update("no rare fields", remove("/chassis_uuid"), remove("/lessee"), remove("/shard"), add("/retired", false))
	c.equal("no rare fields", []any{node.ChassisUUID, node.Lessee, node.Shard, node.Retired, node.RetiredReason, node.ParentNode},
		[]any{"", "", "", false, "", ""})
	_, err = client.Delete(c.ctx, client.ServiceURL("chassis", chassis.UUID), nil)
	c.done("delete chassis", client, err, 204)
}

func nodesBy(c *checker, client *session, opts nodes.ListOpts) []nodes.Node {
	page, err := nodes.List(client.ServiceClient, opts).AllPages(c.ctx)
	c.must("list nodes", client, err, 200)
	list, err := nodes.ExtractNodes(page)
	c.must("decode nodes", client, err, 200)
	return list
}

// equalNodes wants each field of two nodes to be equal, and names those that are not.
func equalNodes(c *checker, what string, got, want nodes.Node) {
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := 0; i < g.NumField(); i++ {
		c.equal(what+"'s "+g.Type().Field(i).Name, g.Field(i).Interface(), w.Field(i).Interface())
	}
}
