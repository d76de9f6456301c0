// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/baremetal/v1/nodes"
)

// checkProvisioning asks for every verb, in states that take it and in states that do not.
func checkProvisioning(c *checker, endpoint string) {
	client := open(c, endpoint, "1.109")
	node, err := nodes.Create(c.ctx, client.ServiceClient, nodes.CreateOpts{Driver: "fake-hardware", Name: "metal3~verbs",
		AutomatedClean: pointer(true)}).Extract()
	c.must("create node", client, err, 201)
	id := node.UUID
	refused := func(what string, status int, opts nodes.ProvisionStateOpts) {
		c.refused(what, nodes.ChangeProvisionState(c.ctx, client.ServiceClient, id, opts).ExtractErr(), status)
	}
	only := func(target nodes.TargetProvisionState) nodes.ProvisionStateOpts {
		return nodes.ProvisionStateOpts{Target: target}
	}
	for _, verb := range []nodes.TargetProvisionState{nodes.TargetActive, nodes.TargetProvide, nodes.TargetInspect, nodes.TargetAbort,
		nodes.TargetAdopt, nodes.TargetRebuild, nodes.TargetDeleted, nodes.TargetUnrescue, nodes.TargetUnhold, "nonsense"} {
		refused(string(verb)+" in enroll", 400, only(verb))
	}
	c.refused("manage of an unknown node", nodes.ChangeProvisionState(c.ctx, client.ServiceClient, "metal3~nope",
		only(nodes.TargetManage)).ExtractErr(), 404)

	node = c.to(client, id, nodes.TargetManage, nodes.Manageable)
	c.holds("provision_updated_at is set", !node.ProvisionUpdatedAt.IsZero())
	c.equal("no target is left", []any{node.TargetProvisionState, node.LastError}, []any{"", ""})
	node = c.to(client, id, nodes.TargetInspect, nodes.Manageable)
	if c.holds("inspection_finished_at is set", node.InspectionFinishedAt != nil); node.InspectionFinishedAt != nil {
		recent(c, "inspection_finished_at", *node.InspectionFinishedAt)
	}

	refused("clean without steps", 400, only(nodes.TargetClean))
	clean := func(step string) nodes.ProvisionStateOpts {
		return nodes.ProvisionStateOpts{Target: nodes.TargetClean, CleanSteps: []nodes.CleanStep{
			{Interface: nodes.InterfaceDeploy, Step: step}, {Interface: nodes.InterfaceRAID, Step: "delete_configuration"}}}
	}
	refused("clean steps with provide", 400, nodes.ProvisionStateOpts{Target: nodes.TargetProvide, CleanSteps: clean("x").CleanSteps})
	c.provision(client, id, clean(nodes.StepReboot))
	c.settled(client, id, nodes.Manageable)
	c.provision(client, id, clean(nodes.StepHold))
	node = c.settled(client, id, nodes.CleanHold)
	c.equal("clean step", node.CleanStep["step"], "hold")
	c.equal("target of clean hold", node.TargetProvisionState, "manageable")
	c.to(client, id, nodes.TargetUnhold, nodes.Manageable)
	c.provision(client, id, clean(nodes.StepWait))
	c.settled(client, id, nodes.CleanWait)
	node = c.to(client, id, nodes.TargetAbort, nodes.CleanFail)
	c.holds("last_error tells of the abort", strings.Contains(node.LastError, "abort"), node.LastError)
	c.to(client, id, nodes.TargetManage, nodes.Manageable)
	c.provision(client, id, clean(nodes.StepHold))
	c.settled(client, id, nodes.CleanHold)
	c.to(client, id, nodes.TargetAbort, nodes.CleanFail)
	c.to(client, id, nodes.TargetManage, nodes.Manageable)

	c.to(client, id, nodes.TargetAdopt, nodes.Active)
	c.to(client, id, nodes.TargetDeleted, nodes.Available)
	checkDeploy(c, client, endpoint, id)
	checkAbort(c, client, endpoint, id)
	checkActive(c, client, id)
	c.to(client, id, nodes.TargetManage, nodes.Manageable)
	err = nodes.Delete(c.ctx, client.ServiceClient, id).ExtractErr()
	c.done("delete node", client, err, 204)
}

// checkDeploy deploys with what can be sent along, holds, aborts and fails.
func checkDeploy(c *checker, client *session, endpoint, id string) {
	hold := []nodes.DeployStep{{Interface: nodes.InterfaceDeploy, Step: nodes.StepHold, Args: map[string]any{}, Priority: 150}}
	deploy := nodes.ProvisionStateOpts{Target: nodes.TargetActive, DeploySteps: hold, ConfigDrive: nodes.ConfigDrive{
		MetaData: map[string]any{"name": "host", "uuid": id}, NetworkData: map[string]any{"links": []any{}}, UserData: "#cloud-config\n"}}
	for what, refusal := range map[string]struct {
		opts   nodes.ProvisionStateOpts
		status int
	}{
		"a config drive of nothing": {nodes.ProvisionStateOpts{Target: nodes.TargetActive, ConfigDrive: "?"}, 400},
		"a config drive of a list":  {nodes.ProvisionStateOpts{Target: nodes.TargetActive, ConfigDrive: []string{"a"}}, 400},
		"a deploy step of no interface": {nodes.ProvisionStateOpts{Target: nodes.TargetActive, DeploySteps: []nodes.DeployStep{
			{Interface: "network", Step: "nope", Args: map[string]any{}, Priority: 90}}}, 400},
		"a config drive with provide": {nodes.ProvisionStateOpts{Target: nodes.TargetManage, ConfigDrive: deploy.ConfigDrive}, 400},
		"deploy steps with manage":    {nodes.ProvisionStateOpts{Target: nodes.TargetManage, DeploySteps: hold}, 400},
		"rescue with a password":      {nodes.ProvisionStateOpts{Target: nodes.TargetRescue, RescuePassword: "geheim"}, 400},
	} {
		c.refused(what, nodes.ChangeProvisionState(c.ctx, client.ServiceClient, id, refusal.opts).ExtractErr(), refusal.status)
	}
	for version, status := range map[string]int{"1.55": 400, "1.68": 406} {
		old := open(c, endpoint, version)
		c.refused("a config drive and deploy steps at "+version, nodes.ChangeProvisionState(c.ctx, old.ServiceClient, id,
			deploy).ExtractErr(), status)
	}
	c.provision(client, id, deploy)
	node := c.settled(client, id, nodes.DeployHold)
	c.equal("deploy step", node.DeployStep["step"], "hold")
	c.equal("target of deploy hold", node.TargetProvisionState, "active")
	c.equal("config drive is masked", node.InstanceInfo["configdrive"], "******")
	old := open(c, endpoint, "1.84")
	c.refused("unhold at 1.84", nodes.ChangeProvisionState(c.ctx, old.ServiceClient, id,
		nodes.ProvisionStateOpts{Target: nodes.TargetUnhold}).ExtractErr(), 406)
	c.to(client, id, nodes.TargetUnhold, nodes.Active)
	c.to(client, id, nodes.TargetDeleted, nodes.Available)
}

// checkAbort stops deployments that wait for their agent, in the ways of 1.109 and 1.110, and then lets one through.
func checkAbort(c *checker, client *session, endpoint, id string) {
	deploy := nodes.ProvisionStateOpts{Target: nodes.TargetActive, ConfigDrive: "http://images/config", DeploySteps: []nodes.DeployStep{
		{Interface: nodes.InterfaceDeploy, Step: nodes.StepWait, Args: map[string]any{}, Priority: 150}}}
	c.provision(client, id, deploy)
	c.settled(client, id, nodes.DeployWait)
	c.to(client, id, nodes.TargetDeleted, nodes.Available)
	c.provision(client, id, deploy)
	c.settled(client, id, nodes.DeployWait)
	c.refused("abort in wait call-back at 1.109", nodes.ChangeProvisionState(c.ctx, client.ServiceClient, id,
		nodes.ProvisionStateOpts{Target: nodes.TargetAbort}).ExtractErr(), 406)
	newer := open(c, endpoint, "1.110")
	node := c.to(newer, id, nodes.TargetAbort, nodes.DeployFail)
	c.holds("last_error tells of the abort", strings.Contains(node.LastError, "abort"), node.LastError)
	deploy.DeploySteps = nil
	c.provision(client, id, deploy)
	node = c.settled(client, id, nodes.Active)
	c.equal("deployed node", []any{node.TargetProvisionState, node.LastError, len(node.DeployStep)}, []any{"", "", 0})
}

// checkActive does what can be done to a node in use, and ends with an available one.
func checkActive(c *checker, client *session, id string) {
	c.refused("deleting an active node", nodes.Delete(c.ctx, client.ServiceClient, id).ExtractErr(), 409)
	rescue := nodes.ProvisionStateOpts{Target: nodes.TargetRescue, RescuePassword: "geheim"}
	c.refused("rescue without a password", nodes.ChangeProvisionState(c.ctx, client.ServiceClient, id,
		nodes.ProvisionStateOpts{Target: nodes.TargetRescue}).ExtractErr(), 400)
	c.provision(client, id, rescue)
	c.settled(client, id, nodes.Rescue)
	c.to(client, id, nodes.TargetUnrescue, nodes.Active)

	service := func(step string) nodes.ProvisionStateOpts {
		return nodes.ProvisionStateOpts{Target: nodes.TargetService, ServiceSteps: []nodes.ServiceStep{
			{Interface: nodes.InterfaceFirmware, Step: "update", Args: map[string]any{"settings": []any{
				map[string]any{"component": "bmc", "url": "http://images/bmc"}}}},
			{Interface: nodes.InterfacePower, Step: step}}}
	}
	c.refused("service without steps", nodes.ChangeProvisionState(c.ctx, client.ServiceClient, id,
		nodes.ProvisionStateOpts{Target: nodes.TargetService}).ExtractErr(), 400)
	c.provision(client, id, service(nodes.StepReboot))
	c.settled(client, id, nodes.Active)
	c.provision(client, id, service(nodes.StepHold))
	node := c.settled(client, id, nodes.ServiceHold)
	c.equal("service step", node.ServiceStep["step"], "hold")
	c.to(client, id, nodes.TargetUnhold, nodes.Active)
	c.provision(client, id, service(nodes.StepWait))
	c.settled(client, id, nodes.ServiceWait)
	node = c.to(client, id, nodes.TargetAbort, nodes.Active)
	c.holds("last_error tells of the abort", strings.Contains(node.LastError, "abort"), node.LastError)

	update := func(path string, value any) {
		_, err := nodes.Update(c.ctx, client.ServiceClient, id, nodes.UpdateOpts{
			nodes.UpdateOperation{Op: nodes.AddOp, Path: path, Value: value}}).Extract()
		c.must("set "+path, client, err, 200)
	}
	update("/protected", true)
	update("/protected_reason", "mine")
	node, err := nodes.Get(c.ctx, client.ServiceClient, id).Extract()
	c.must("get node", client, err, 200)
	c.equal("protected node", []any{node.Protected, node.ProtectedReason}, []any{true, "mine"})
	for _, verb := range []nodes.TargetProvisionState{nodes.TargetDeleted, nodes.TargetRebuild} {
		c.refused(string(verb)+" of a protected node", nodes.ChangeProvisionState(c.ctx, client.ServiceClient, id,
			nodes.ProvisionStateOpts{Target: verb}).ExtractErr(), 403)
	}
	update("/protected", false)
	err = nodes.SetMaintenance(c.ctx, client.ServiceClient, id, nodes.MaintenanceOpts{}).ExtractErr()
	c.must("set maintenance", client, err, 202)
	for _, opts := range []nodes.ProvisionStateOpts{{Target: nodes.TargetRebuild}, rescue, service(nodes.StepReboot)} {
		c.refused(string(opts.Target)+" in maintenance", nodes.ChangeProvisionState(c.ctx, client.ServiceClient, id, opts).ExtractErr(), 400)
	}
	err = nodes.UnsetMaintenance(c.ctx, client.ServiceClient, id).ExtractErr()
	c.must("unset maintenance", client, err, 202)
	c.provision(client, id, nodes.ProvisionStateOpts{Target: nodes.TargetRebuild,
		ConfigDrive: nodes.ConfigDrive{UserData: map[string]any{"ignition": map[string]any{"version": "3.4.0"}}}})
	c.settled(client, id, nodes.Active)
	node = c.to(client, id, nodes.TargetDeleted, nodes.Available)
	c.equal("node given back", []any{node.InstanceInfo, node.InstanceUUID, node.TargetProvisionState, node.LastError},
		[]any{map[string]any{}, "", "", ""})
}
