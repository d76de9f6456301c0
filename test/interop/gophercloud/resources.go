// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/baremetal/apiversions"
	"github.com/gophercloud/gophercloud/v2/openstack/baremetal/noauth"
	"github.com/gophercloud/gophercloud/v2/openstack/baremetal/v1/allocations"
	"github.com/gophercloud/gophercloud/v2/openstack/baremetal/v1/conductors"
	"github.com/gophercloud/gophercloud/v2/openstack/baremetal/v1/drivers"
	"github.com/gophercloud/gophercloud/v2/openstack/baremetal/v1/nodes"
	"github.com/gophercloud/gophercloud/v2/openstack/baremetal/v1/ports"
)

// since tells from which version a field of a node is shown; fields not named are older than any version used here.
var since = map[string]int{
	"allocation_uuid": 52, "description": 51, "disable_power_off": 95, "firmware_interface": 86, "health": 109, "lessee": 65, "network_data": 66,
	"parent_node": 83, "retired": 61, "retired_reason": 61, "service_step": 87, "shard": 82,
}

// checkVersions reads the same node at each version that clients fix.
func checkVersions(c *checker, endpoint string) {
	root, err := noauth.NewBareMetalNoAuth(noauth.EndpointOpts{IronicEndpoint: endpoint})
	c.equal("client of the root", err, nil)
	service := observed(root, "")
	all, err := apiversions.List(c.ctx, root).Extract()
	c.must("list API versions", service, err, 200)
	c.equal("API versions", len(all.Versions), 1)
	c.equal("default version", all.DefaultVersion, all.Versions[0])
	one, err := apiversions.Get(c.ctx, root, "v1").Extract()
	c.must("get API version", service, err, 200)
	c.equal("API version", *one, all.DefaultVersion)
	c.equal("API version", *one, apiversions.APIVersion{ID: "v1", MinVersion: "1.1", Status: "CURRENT", Version: "1.115"})

	for _, version := range []struct {
		name  string
		minor int
	}{{"1.50", 50}, {"1.89", 89}, {"1.95", 95}, {"1.109", 109}, {"1.110", 110}} {
		client := open(c, endpoint, version.name)
		node := c.fake(client, "v"+version.name)
		c.equal("version of the answer", client.answers.header.Get("X-Openstack-Ironic-Api-Version"), version.name)
		var hidden []string
		for field, from := range since {
			if version.minor < from {
				hidden = append(hidden, field)
			}
		}
		got := nodes.Get(c.ctx, client.ServiceClient, node.Name)
		_, err := got.Extract()
		c.must("get node at "+version.name, client, err, 200)
		c.hasFields("node at "+version.name, got.Body, nodes.Node{}, hidden...)
		_, health := got.Body.(map[string]any)["health"]
		c.equal("health shown at "+version.name, health, version.minor >= 109)

		opts := nodes.CreateOpts{Driver: "fake-hardware", DisablePowerOff: pointer(false)}
		other, err := nodes.Create(c.ctx, client.ServiceClient, opts).Extract()
		if version.minor < 95 {
			c.refused("disable_power_off at "+version.name, err, 406)
		} else {
			c.must("disable_power_off at "+version.name, client, err, 201)
			err = nodes.Delete(c.ctx, client.ServiceClient, other.UUID).ExtractErr()
			c.done("delete", client, err, 204)
		}
		_, err = nodes.GetInventory(c.ctx, client.ServiceClient, node.UUID).Extract()
		c.refused("inventory at "+version.name, err, 404)
		_, err = allocations.Get(c.ctx, client.ServiceClient, "none").Extract()
		c.refused("allocation at "+version.name, err, 404)
		err = nodes.Delete(c.ctx, client.ServiceClient, node.UUID).ExtractErr()
		c.done("delete", client, err, 204)
	}
	for _, version := range []string{"1.116", "2.1", "1.0", "nonsense"} {
		client := open(c, endpoint, version)
		_, err := nodes.Get(c.ctx, client.ServiceClient, "any").Extract()
		c.refused("version "+version, err, 406)
	}
}

// checkDrivers reads drivers and conductors.
func checkDrivers(c *checker, endpoint string) {
	client := open(c, endpoint, "1.109")
	page, err := drivers.ListDrivers(client.ServiceClient, drivers.ListDriversOpts{}).AllPages(c.ctx)
	c.must("list drivers", client, err, 200)
	short, err := drivers.ExtractDrivers(page)
	c.must("decode drivers", client, err, 200)
	names := map[string]bool{}
	for _, driver := range short {
		names[driver.Name] = true
		c.holds(driver.Name+" has hosts", len(driver.Hosts) > 0)
		c.equal(driver.Name+" shows interfaces", driver.EnabledBootInterfaces, []string(nil))
	}
	c.holds("fake-hardware is listed", names["fake-hardware"], names)

	page, err = drivers.ListDrivers(client.ServiceClient, drivers.ListDriversOpts{Detail: true, Type: "dynamic"}).AllPages(c.ctx)
	c.must("list drivers in detail", client, err, 200)
	long, err := drivers.ExtractDrivers(page)
	c.must("decode drivers in detail", client, err, 200)
	for _, driver := range long {
		shown := drivers.GetDriverDetails(c.ctx, client.ServiceClient, driver.Name)
		c.hasFields(driver.Name, shown.Body, drivers.Driver{})
		details, err := shown.Extract()
		c.must("show "+driver.Name, client, err, 200)
		c.equal(driver.Name+" shown", *details, driver)
		c.equal(driver.Name+" type", details.Type, "dynamic")
		c.equal(driver.Name+" links", []int{len(details.Links), len(details.Properties)}, []int{2, 2})
		for kind, pair := range map[string]struct {
			value string
			all   []string
		}{
			"bios":       {details.DefaultBiosInterface, details.EnabledBiosInterfaces},
			"boot":       {details.DefaultBootInterface, details.EnabledBootInterfaces},
			"console":    {details.DefaultConsoleInterface, details.EnabledConsoleInterface},
			"deploy":     {details.DefaultDeployInterface, details.EnabledDeployInterfaces},
			"firmware":   {details.DefaultFirmwareInterface, details.EnabledFirmwareInterfaces},
			"inspect":    {details.DefaultInspectInterface, details.EnabledInspectInterfaces},
			"management": {details.DefaultManagementInterface, details.EnabledManagementInterfaces},
			"network":    {details.DefaultNetworkInterface, details.EnabledNetworkInterfaces},
			"power":      {details.DefaultPowerInterface, details.EnabledPowerInterfaces},
			"raid":       {details.DefaultRaidInterface, details.EnabledRaidInterfaces},
			"rescue":     {details.DefaultRescueInterface, details.EnabledRescueInterfaces},
			"storage":    {details.DefaultStorageInterface, details.EnabledStorageInterfaces},
			"vendor":     {details.DefaultVendorInterface, details.EnabledVendorInterfaces},
		} {
			c.holds(driver.Name+"'s default "+kind+" interface is enabled", contains(pair.all, pair.value), pair)
		}
		properties, err := drivers.GetDriverProperties(c.ctx, client.ServiceClient, driver.Name).Extract()
		c.must("properties of "+driver.Name, client, err, 200)
		for name, text := range *properties {
			help, ok := text.(string)
			c.holds("help of "+driver.Name+" "+name, ok && help != "", text)
		}
	}
	disks, err := drivers.GetDriverDiskProperties(c.ctx, client.ServiceClient, "fake-hardware").Extract()
	c.must("disk properties", client, err, 200)
	for _, name := range []string{"controller", "disk_type", "interface_type", "is_root_volume", "number_of_physical_disks",
		"physical_disks", "raid_level", "share_physical_disks", "size_gb", "volume_name"} {
		help, ok := (*disks)[name].(string)
		c.holds("disk property "+name, ok && help != "", help)
	}
	_, err = drivers.GetDriverDetails(c.ctx, client.ServiceClient, "nope").Extract()
	c.refused("unknown driver", err, 404, "nope")
	_, err = drivers.GetDriverProperties(c.ctx, client.ServiceClient, "nope").Extract()
	c.refused("properties of an unknown driver", err, 404)
	_, err = drivers.GetDriverDiskProperties(c.ctx, client.ServiceClient, "nope").Extract()
	c.refused("disk properties of an unknown driver", err, 404)
	_, err = drivers.ListDrivers(client.ServiceClient, drivers.ListDriversOpts{Type: "other"}).AllPages(c.ctx)
	c.refused("drivers of an unknown type", err, 400)

	page, err = conductors.List(client.ServiceClient, conductors.ListOpts{Detail: true}).AllPages(c.ctx)
	c.must("list conductors in detail", client, err, 200)
	all, err := conductors.ExtractConductors(page)
	c.must("decode conductors", client, err, 200)
	c.equal("conductors", len(all), 1)
	conductor := all[0]
	shown := conductors.Get(c.ctx, client.ServiceClient, conductor.Hostname)
	one, err := shown.Extract()
	c.must("get conductor", client, err, 200)
	c.hasFields("conductor", shown.Body, conductors.Conductor{})
	c.holds("conductor lives and serves", one.Alive && contains(one.Drivers, "fake-hardware"), *one)
	c.equal("conductor", []any{one.Hostname, one.ConductorGroup, one.Drivers}, []any{conductor.Hostname, "", conductor.Drivers})
	c.holds("conductor's hosts", contains(long[0].Hosts, one.Hostname), long[0].Hosts)
	recent(c, "conductor's created_at", one.CreatedAt)
	page, err = conductors.List(client.ServiceClient, conductors.ListOpts{Fields: []string{"hostname", "alive"}, Limit: 5,
		SortKey: "hostname", SortDir: "desc"}).AllPages(c.ctx)
	c.must("list conductors", client, err, 200)
	all, err = conductors.ExtractConductors(page)
	c.equal("conductors by fields", []any{len(all), err}, []any{1, nil})
	c.equal("conductor by fields", all[0], conductors.Conductor{Hostname: one.Hostname, Alive: true})
	_, err = conductors.Get(c.ctx, client.ServiceClient, "nope").Extract()
	c.refused("unknown conductor", err, 404)
	old := open(c, endpoint, "1.48")
	_, err = conductors.Get(c.ctx, old.ServiceClient, one.Hostname).Extract()
	c.refused("conductors at 1.48", err, 404)
}

// checkPorts goes through the life of ports.
func checkPorts(c *checker, endpoint string) {
	client := open(c, endpoint, "1.109")
	node := c.fake(client, "metal3~ports")
	opts := ports.CreateOpts{
		NodeUUID: node.UUID, Address: "52:54:00:0A:00:01", PXEEnabled: pointer(true), PhysicalNetwork: "net1",
		LocalLinkConnection: map[string]any{"switch_id": "0a:1b:2c:3d:4e:5f", "port_id": "Ethernet3/1", "switch_info": "sw1"},
		Extra:               map[string]any{"a": "b"}, IsSmartNIC: pointer(false),
	}
	created := ports.Create(c.ctx, client.ServiceClient, opts)
	port, err := created.Extract()
	c.must("create port", client, err, 201)
	c.hasFields("created port", created.Body, ports.Port{})
	c.equal("created port", []any{port.NodeUUID, port.Address, port.PXEEnabled, port.PhysicalNetwork, port.LocalLinkConnection,
		port.Extra, port.IsSmartNIC, port.InternalInfo, port.PortGroupUUID, len(port.Links), port.UpdatedAt.IsZero()},
		[]any{node.UUID, "52:54:00:0a:00:01", true, "net1", opts.LocalLinkConnection, opts.Extra, false, map[string]any{}, "", 2,
			true})
	recent(c, "port's created_at", port.CreatedAt)
	second, err := ports.Create(c.ctx, client.ServiceClient, ports.CreateOpts{NodeUUID: node.UUID, Address: "52:54:00:0a:00:02",
		PXEEnabled: pointer(false)}).Extract()
	c.must("create port without PXE", client, err, 201)
	c.equal("PXE", second.PXEEnabled, false)

	_, err = ports.Create(c.ctx, client.ServiceClient, opts).Extract()
	c.refused("port with a known MAC", err, 409)
	_, err = ports.Create(c.ctx, client.ServiceClient, ports.CreateOpts{NodeUUID: node.UUID, Address: "nonsense"}).Extract()
	c.refused("port with nonsense for a MAC", err, 400)
	_, err = ports.Create(c.ctx, client.ServiceClient, ports.CreateOpts{NodeUUID: second.UUID,
		Address: "52:54:00:0a:00:03"}).Extract()
	c.refused("port of an unknown node", err, 400)

	// How the operator looks for the owner of a MAC address.
	listed := portsBy(c, client, ports.ListOpts{Address: "52:54:00:0A:00:01", Fields: []string{"node_uuid", "uuid", "address"}})
	c.equal("port by address", len(listed), 1)
	c.equal("port by address", []any{listed[0].UUID, listed[0].NodeUUID, listed[0].Address},
		[]any{port.UUID, node.UUID, port.Address})
	c.equal("ports by unknown address", len(portsBy(c, client, ports.ListOpts{Address: "52:54:00:0a:ff:ff"})), 0)
	c.equal("ports by node", len(portsBy(c, client, ports.ListOpts{Node: "metal3~ports"})), 2)
	c.equal("ports by node's UUID", len(portsBy(c, client, ports.ListOpts{NodeUUID: node.UUID, SortKey: "address"})), 2)
	c.equal("ports after the first", portsBy(c, client, ports.ListOpts{NodeUUID: node.UUID, Marker: port.UUID, Limit: 1})[0].UUID,
		second.UUID)
	page, err := ports.ListDetail(client.ServiceClient, ports.ListOpts{NodeUUID: node.UUID, SortDir: "desc"}).AllPages(c.ctx)
	c.must("list ports in detail", client, err, 200)
	detailed, err := ports.ExtractPorts(page)
	c.equal("ports in detail", []any{len(detailed), err}, []any{2, nil})
	c.equal("port in detail", sameInstant(detailed[1]), sameInstant(*port))
	_, err = ports.List(client.ServiceClient, ports.ListOpts{Node: "nope"}).AllPages(c.ctx)
	c.refused("ports of an unknown node", err, 404)

	got, err := ports.Get(c.ctx, client.ServiceClient, port.UUID).Extract()
	c.must("get port", client, err, 200)
	c.equal("port", sameInstant(*got), sameInstant(*port))
	updated, err := ports.Update(c.ctx, client.ServiceClient, port.UUID, ports.UpdateOpts{
		ports.UpdateOperation{Op: ports.AddOp, Path: "/extra/c", Value: 7},
		ports.UpdateOperation{Op: ports.RemoveOp, Path: "/extra/a"},
		ports.UpdateOperation{Op: ports.RemoveOp, Path: "/physical_network"},
		ports.UpdateOperation{Op: ports.ReplaceOp, Path: "/pxe_enabled", Value: false},
		ports.UpdateOperation{Op: ports.ReplaceOp, Path: "/address", Value: "52:54:00:0a:00:04"},
	}).Extract()
	c.must("update port", client, err, 200)
	c.equal("updated port", []any{updated.Extra, updated.PhysicalNetwork, updated.PXEEnabled, updated.Address},
		[]any{map[string]any{"c": float64(7)}, "", false, "52:54:00:0a:00:04"})
	recent(c, "port's updated_at", updated.UpdatedAt)
	_, err = ports.Update(c.ctx, client.ServiceClient, port.UUID, ports.UpdateOpts{
		ports.UpdateOperation{Op: ports.RemoveOp, Path: "/extra/nope"}}).Extract()
	c.refused("removing what is not there", err, 400)
	_, err = ports.Update(c.ctx, client.ServiceClient, port.UUID, ports.UpdateOpts{
		ports.UpdateOperation{Op: ports.ReplaceOp, Path: "/address", Value: second.Address}}).Extract()
	c.refused("a MAC of another port", err, 409)

	var group map[string]any
	_, err = client.Post(c.ctx, client.ServiceURL("portgroups"), map[string]any{"node_uuid": node.UUID, "name": "bond0"}, &group, nil)
	c.must("create portgroup", client, err, 201)
	bonded, err := ports.Update(c.ctx, client.ServiceClient, second.UUID, ports.UpdateOpts{
		ports.UpdateOperation{Op: ports.AddOp, Path: "/portgroup_uuid", Value: group["uuid"]}}).Extract()
	c.must("bond port", client, err, 200)
	c.equal("bonded port", any(bonded.PortGroupUUID), group["uuid"])
	c.equal("ports of the portgroup", len(portsBy(c, client, ports.ListOpts{PortGroup: "bond0"})), 1)
	var vifs map[string]any
	url := client.ServiceURL("nodes", node.UUID, "vifs")
	_, err = client.Post(c.ctx, url, map[string]any{"id": "vif-1"}, nil, &gophercloud.RequestOpts{OkCodes: []int{204}})
	c.done("attach VIF", client, err, 204)
	_, err = client.Get(c.ctx, url, &vifs, nil)
	c.must("list VIFs", client, err, 200)
	c.equal("VIFs of a noop network", vifs, map[string]any{"vifs": []any{}})
	_, err = client.Delete(c.ctx, url+"/vif-1", nil)
	c.done("detach VIF", client, err, 204)

	err = ports.Delete(c.ctx, client.ServiceClient, port.UUID).ExtractErr()
	c.done("delete port", client, err, 204)
	_, err = ports.Get(c.ctx, client.ServiceClient, port.UUID).Extract()
	c.refused("deleted port", err, 404)
	err = ports.Delete(c.ctx, client.ServiceClient, port.UUID).ExtractErr()
	c.refused("deleting it again", err, 404)
	err = nodes.Delete(c.ctx, client.ServiceClient, node.UUID).ExtractErr()
	c.done("delete node", client, err, 204)
	_, err = ports.Get(c.ctx, client.ServiceClient, second.UUID).Extract()
	c.refused("port of a deleted node", err, 404)
}

func portsBy(c *checker, client *session, opts ports.ListOpts) []ports.Port {
	page, err := ports.List(client.ServiceClient, opts).AllPages(c.ctx)
	c.must("list ports", client, err, 200)
	list, err := ports.ExtractPorts(page)
	c.must("decode ports", client, err, 200)
	return list
}

// checkAllocations claims nodes by their resource class.
func checkAllocations(c *checker, endpoint string) {
	client := open(c, endpoint, "1.109")
	node, err := nodes.Create(c.ctx, client.ServiceClient, nodes.CreateOpts{Driver: "fake-hardware", Name: "claimed",
		ResourceClass: "gopher"}).Extract()
	c.must("create node", client, err, 201)
	c.to(client, node.UUID, nodes.TargetManage, nodes.Manageable)
	c.to(client, node.UUID, nodes.TargetProvide, nodes.Available)
	err = nodes.ChangePowerState(c.ctx, client.ServiceClient, node.UUID, nodes.PowerStateOpts{Target: nodes.PowerOff}).ExtractErr()
	c.must("power off", client, err, 202)
	c.settled(client, node.UUID, nodes.Available)

	_, err = client.Put(c.ctx, client.ServiceURL("nodes", node.UUID, "traits", "CUSTOM_FAST"), nil, nil,
		&gophercloud.RequestOpts{OkCodes: []int{204}})
	c.done("set trait", client, err, 204)
	created := allocations.Create(c.ctx, client.ServiceClient, allocations.CreateOpts{ResourceClass: "gopher", Name: "claim-1",
		Traits: []string{"CUSTOM_FAST"}, CandidateNodes: []string{"claimed"}, Extra: map[string]string{"for": "tests"}})
	allocation, err := created.Extract()
	c.must("create allocation", client, err, 201)
	c.hasFields("allocation", created.Body, allocations.Allocation{})
	c.equal("allocation", []any{allocation.Name, allocation.ResourceClass, allocation.CandidateNodes, allocation.Extra,
		allocation.Traits, len(allocation.Links)},
		[]any{"claim-1", "gopher", []string{node.UUID}, map[string]string{"for": "tests"}, []string{"CUSTOM_FAST"}, 2})
	recent(c, "allocation's created_at", allocation.CreatedAt)
	done := allocated(c, client, "claim-1")
	c.equal("allocation", []any{done.State, done.NodeUUID, done.LastError}, []any{"active", node.UUID, ""})
	got, err := nodes.Get(c.ctx, client.ServiceClient, node.UUID).Extract()
	c.must("get node", client, err, 200)
	c.equal("claimed node", []any{got.InstanceUUID, got.AllocationUUID}, []any{done.UUID, done.UUID})

	_, err = allocations.Create(c.ctx, client.ServiceClient, allocations.CreateOpts{ResourceClass: "gopher",
		Name: "claim-2"}).Extract()
	c.must("allocation without a free node", client, err, 201)
	failed := allocated(c, client, "claim-2")
	c.equal("failed allocation", []any{failed.State, failed.NodeUUID}, []any{"error", ""})
	c.holds("failed allocation says why", strings.Contains(failed.LastError, "gopher"), failed.LastError)

	for what, expected := range map[string]struct {
		opts  allocations.ListOpts
		names []string
	}{
		"of a class":  {allocations.ListOpts{ResourceClass: "gopher", SortKey: "name"}, []string{"claim-1", "claim-2"}},
		"of a node":   {allocations.ListOpts{Node: "claimed"}, []string{"claim-1"}},
		"that failed": {allocations.ListOpts{State: "error", Fields: []string{"name"}}, []string{"claim-2"}},
		"by pages":    {allocations.ListOpts{Marker: done.UUID, Limit: 1}, []string{"claim-2"}},
	} {
		page, err := allocations.List(client.ServiceClient, expected.opts).AllPages(c.ctx)
		c.must("list allocations "+what, client, err, 200)
		list, err := allocations.ExtractAllocations(page)
		c.must("decode allocations "+what, client, err, 200)
		var names []string
		for _, one := range list {
			names = append(names, one.Name)
		}
		c.equal("allocations "+what, names, expected.names)
	}
	_, err = allocations.Create(c.ctx, client.ServiceClient, allocations.CreateOpts{ResourceClass: "gopher",
		Name: "claim-1"}).Extract()
	c.refused("allocation with a known name", err, 409)
	_, err = allocations.Create(c.ctx, client.ServiceClient, allocations.CreateOpts{ResourceClass: "gopher",
		CandidateNodes: []string{"nope"}}).Extract()
	c.refused("allocation among unknown nodes", err, 400)

	for _, name := range []string{"claim-1", "claim-2"} {
		err = allocations.Delete(c.ctx, client.ServiceClient, name).ExtractErr()
		c.done("delete "+name, client, err, 204)
		_, err = allocations.Get(c.ctx, client.ServiceClient, name).Extract()
		c.refused("deleted "+name, err, 404)
	}
	got, err = nodes.Get(c.ctx, client.ServiceClient, node.UUID).Extract()
	c.must("get node", client, err, 200)
	c.equal("freed node", []any{got.InstanceUUID, got.AllocationUUID}, []any{"", ""})
	err = nodes.Delete(c.ctx, client.ServiceClient, node.UUID).ExtractErr()
	c.done("delete available node", client, err, 204)
}

func allocated(c *checker, client *session, name string) *allocations.Allocation {
	for tries := 0; ; tries++ {
		allocation, err := allocations.Get(c.ctx, client.ServiceClient, name).Extract()
		c.must("get "+name, client, err, 200)
		if allocation.State != "allocating" || tries > 500 {
			return allocation
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func contains(list []string, value string) bool {
	for _, one := range list {
		if one == value {
			return true
		}
	}
	return false
}

func recent(c *checker, what string, when time.Time) {
	age := time.Since(when)
	c.holds(what+" is of this run", age > -time.Minute && age < 10*time.Minute, when)
}

// sameInstant drops the part of a second: answers to writes may leave it out.
func sameInstant(port ports.Port) ports.Port {
	port.CreatedAt = port.CreatedAt.UTC().Truncate(time.Second)
	port.UpdatedAt = port.UpdatedAt.UTC().Truncate(time.Second)
	return port
}
